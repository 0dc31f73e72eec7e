//! Computing what is pending, and waiting for what other threads compute.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    engine::{Next, Planned, Scope, Start},
    executor::Buffer,
    node::{Node, State},
    plan::Plan,
    run::Run,
    submission::{Advance, Submission},
    wait::block_on,
};
use crate::{Device, Result, interrupt::tick};

/// Computes what this thread has recorded and someone can still reach.
pub(crate) fn flush(device: &Device) -> Result<()> {
    block_on(device.executor(), flush_queues(device, Scope::Thread, None))
}

/// Computes what all threads have recorded and someone can still reach.
pub(crate) async fn flush_all(device: &Device) -> Result<()> {
    flush_queues(device, Scope::AllThreads, None).await
}

/// Computes some of what is pending, as there is much of it. Where calls can be interrupted this one takes a short time,
/// as the caller asks for nothing that would have to be complete, and may hold a lock of its program's.
pub(crate) fn make_room(device: &Device) -> Result<()> {
    if tick().is_none() {
        return flush(device);
    }
    // The lock is let go before anything is planned or computed.
    let next = device.engine().next(Scope::Thread, None);
    let advance = match next {
        Next::Nothing => return Ok(()),
        Next::Unfinished(submission) => submission.advance(device, tick()),
        Next::Start(start) => begin(device, start).1,
    };
    if let Advance::Over(done) = advance { done } else { Ok(()) }
}

/// The buffer of a node, computed with all that this thread has recorded if need be.
pub(crate) async fn compute(node: &Arc<Node>) -> Result<Buffer> {
    if let Some(result) = node.result() {
        return result;
    }
    // An error of this flush is found in the node, if it concerns it.
    let flushed = flush_queues(&node.device, Scope::Thread, Some(node)).await;
    let submission = match &*node.state() {
        State::Scheduled(submission) => submission.clone(),
        State::Ready(buffer) => return Ok(buffer.clone()),
        State::Failed(error) => return Err(error.clone()),
        State::Lazy(_) => unreachable!("the flush has taken it"),
    };
    let finished = finish(&submission, &node.device, None).await;
    node.result().unwrap_or_else(|| Err(flushed.and(finished).err().unwrap_or_else(|| Submission::lost("read"))))
}

async fn flush_queues(device: &Device, scope: Scope, wanted: Option<&Arc<Node>>) -> Result<()> {
    let mut first = Ok(());
    loop {
        // The lock is let go before anything is planned or computed.
        let next = device.engine().next(scope, wanted);
        match next {
            Next::Nothing => return first,
            Next::Unfinished(submission) => first = first.and(finish(&submission, device, None).await),
            Next::Start(start) => {
                let (submission, advance) = begin(device, start);
                return first.and(finish(&submission, device, Some(advance)).await);
            }
        }
    }
}

/// Plans what has been taken, and begins to compute it.
fn begin(device: &Device, start: Start) -> (Arc<Submission>, Advance) {
    let Start { submission, pending, planned } = start;
    let mut held = submission.hold();
    let plan = match planned {
        Planned::Known(plan) => plan,
        Planned::New(key) => {
            let plan = Arc::new(Plan::new(device, &pending));
            device.engine().remember(key, &plan, device.options());
            plan
        }
    };
    held.start(Run::new(plan, pending));
    let advance = held.compute(device, tick());
    if !matches!(advance, Advance::Over(_)) {
        device.engine().leave(&submission);
    }
    (submission, advance)
}

/// Computes a submission to its end, or waits for the threads that do.
async fn finish(submission: &Arc<Submission>, device: &Device, mut begun: Option<Advance>) -> Result<()> {
    poll_fn(|context| {
        let advance = begun.take().unwrap_or_else(|| submission.advance(device, tick()));
        poll_finish(submission, device, advance, context)
    })
    .await
}

fn poll_finish(
    submission: &Arc<Submission>,
    device: &Device,
    mut advance: Advance,
    context: &mut Context,
) -> Poll<Result<()>> {
    let mut current = submission.clone();
    loop {
        match advance {
            Advance::Over(done) if Arc::ptr_eq(&current, submission) => return Poll::Ready(done),
            // An error of another one is found in the values that it did not compute.
            Advance::Over(_) => current = submission.clone(),
            Advance::Paused => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Advance::Waits(other) => {
                if other.wake(context.waker()) {
                    return Poll::Pending;
                }
                current = other;
            }
        }
        advance = current.advance(device, tick());
    }
}
