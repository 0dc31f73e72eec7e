//! Several threads at one device, and futures in place of threads that wait.

use std::{
    collections::HashSet,
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use kiln::{loss::mse, optim::Adam, prelude::*};
use kiln_tests::{fresh, gpu_with};
use rayon::{ThreadPoolBuilder, prelude::*};

fn ramp(shape: &[usize], device: &Device) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| (i % 97) as f32 * 0.125 - 1.0).collect();
    Tensor::from_vec(values, shape, device).expect("a tensor")
}

/// A thread of rayon's that waits within a product takes up another of its pool's tasks, which may need what the first
/// one computes.
#[test]
fn tasks_of_a_thread_pool_never_wait_for_each_other() -> Result<()> {
    let device = Device::cpu();
    let x = ramp(&[640, 640], &device);
    let expected = x.matmul(&x)?.sum(())?.item::<f32>()?;
    for threads in 1..=8 {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        for _ in 0..25 {
            // Computed by whichever task comes first.
            let shared = x.matmul(&x)?;
            let sums = pool.install(|| {
                let sum = |task: usize| {
                    let busy: f64 = (0..200_000 * (task % 3)).map(|i| (i as f64).sqrt()).sum();
                    assert!(busy >= 0.0);
                    let y = if task.is_multiple_of(2) { shared.clone() } else { x.matmul(&x)? };
                    y.sum(())?.item::<f32>()
                };
                (0..threads.max(2)).into_par_iter().map(sum).collect::<Result<Vec<f32>>>()
            })?;
            assert!(sums.iter().all(|&sum| sum == expected), "{sums:?}, {expected} alone");
        }
    }
    Ok(())
}

/// The losses of a small network.
fn train(seed: usize, device: &Device) -> Result<Vec<f32>> {
    let x = ramp(&[32, 10 + seed], device);
    let y = x.sum(1)?.unsqueeze(-1)?;
    let first = Param::new(ramp(&[10 + seed, 16], device));
    let second = Param::new(ramp(&[16, 1], device));
    let mut adam = Adam::new(1e-3).with([first.clone(), second.clone()]);
    (0..20)
        .map(|_| {
            let hidden = x.matmul(&first.tensor())?.tanh();
            let loss = mse(&hidden.matmul(&second.tensor())?, &y)?;
            adam.step(loss.backward()?)?;
            loss.item()
        })
        .collect()
}

#[test]
fn threads_that_train_side_by_side_get_what_each_gets_alone() -> Result<()> {
    for device in fresh() {
        let alone = (0..8).map(|seed| train(seed, &device)).collect::<Result<Vec<_>>>()?;
        let device = &match device.is_cpu() {
            true => Device::cpu_with(DeviceOptions::default()),
            false => gpu_with(|_| {}),
        };
        let together: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|seed| scope.spawn(move || train(seed, device))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Result<_>>()
        })?;
        assert_eq!(alone, together, "on {device}");
        // What is planned is planned in the first steps.
        let stats = device.stats();
        assert!(stats.plan_misses <= 8 * 2 * 3, "{stats:?}");
        let before = device.stats();
        let again: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|seed| scope.spawn(move || train(seed, device))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Result<_>>()
        })?;
        assert_eq!(alone, again);
        assert_eq!(device.stats().plan_misses, before.plan_misses, "every plan is known, whichever thread asks");
    }
    Ok(())
}

#[test]
fn a_tensor_is_used_wherever_it_was_recorded() -> Result<()> {
    for device in fresh() {
        let x = ramp(&[100], &device);
        let values = x.to_vec::<f32>()?;
        // Each thread records what the next one needs; nothing has been computed when the last one reads.
        let (mut y, mut all) = (x, Vec::new());
        for _ in 0..5 {
            let x = y;
            y = thread::scope(|scope| scope.spawn(|| &x * 2.0 + 1.0).join().expect("no panic"));
            // Of this thread's own, between the others'.
            y -= 1.0;
            all.push(y.clone());
        }
        let expected: Vec<f32> = values.iter().map(|v| v * 32.0).collect();
        assert_eq!(y.to_vec::<f32>()?, expected, "on {device}");
        for (i, y) in all.iter().enumerate() {
            let expected: Vec<f32> = values.iter().map(|v| v * (2 << i) as f32).collect();
            assert_eq!(y.to_vec::<f32>()?, expected, "on {device}");
        }
        // Recorded in a thread that has ended, and computed with everything else.
        let orphan = thread::scope(|scope| scope.spawn(|| &all[0] * 3.0).join().expect("no panic"));
        device.sync()?;
        let flushes = device.stats().flushes;
        assert_eq!(orphan.to_vec::<f32>()?, values.iter().map(|v| v * 6.0).collect::<Vec<_>>());
        assert_eq!(device.stats().flushes, flushes, "it was computed by `sync`");
    }
    Ok(())
}

#[test]
fn threads_read_what_they_have_computed() -> Result<()> {
    for device in fresh() {
        thread::scope(|scope| {
            for thread in 0..8 {
                let device = &device;
                scope.spawn(move || {
                    for round in 0..50 {
                        let value = (thread * 1000 + round) as f32;
                        let n = 1 + (thread * 37 + round * 11) % 3000;
                        let x = Tensor::from_vec(vec![value; n], [n], device).expect("a tensor");
                        let y = (x + 0.5).to_vec::<f32>().expect("values");
                        assert_eq!(y, vec![value + 0.5; n], "thread {thread} on {device}");
                    }
                });
            }
        });
    }
    Ok(())
}

/// A wait that ends by its time limit meets work that another thread hands over.
#[test]
fn threads_wait_for_long_work() {
    for device in fresh() {
        let x = &(ramp(&[512, 512], &device) * 0.01);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    for _ in 0..6 {
                        let y = (0..6).try_fold(x.clone(), |y, _| y.matmul(x)).and_then(|y| y.sum(()));
                        assert!(y.and_then(|y| y.item::<f32>()).expect("a number").is_finite());
                    }
                });
            }
        });
    }
}

/// Sends the number of a task that can go on.
struct Ready {
    task: usize,
    queue: Mutex<Sender<usize>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more when all tasks are done.
        let _ = self.queue.lock().expect("no panic").send(self.task);
    }
}

/// Polls futures, each when it is woken and never otherwise. Gives how often they were pending.
fn run_all(futures: Vec<impl Future<Output = ()>>) -> usize {
    let (send, receive) = channel();
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut open: HashSet<usize> = (0..futures.len()).collect();
    let mut pending = 0;
    open.iter().for_each(|&task| send.send(task).expect("the receiver lives"));
    while !open.is_empty() {
        let task = receive.recv().expect("the sender lives");
        let waker = Waker::from(Arc::new(Ready { task, queue: Mutex::new(send.clone()) }));
        if !open.contains(&task) {
            continue;
        }
        match futures[task].as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => _ = open.remove(&task),
            Poll::Pending => pending += 1,
        }
    }
    pending
}

#[test]
fn futures_read_without_blocking() -> Result<()> {
    for device in fresh() {
        let read = |task: usize| {
            let device = device.clone();
            async move {
                let x = ramp(&[64 + task, 64], &device);
                let y = x.matmul(&x.t()).expect("shapes fit").relu();
                let sum = y.sum(()).expect("a sum").item_async::<f32>().await.expect("a number");
                let values = y.to_vec_async::<f32>().await.expect("values");
                let expected: f64 = values.iter().map(|&v| f64::from(v)).sum();
                assert!((f64::from(sum) - expected).abs() <= 1e-4 * expected.abs(), "{sum} is not {expected}");
                let half = y.to_dtype(DType::F16).to_vec_async::<half::f16>().await.expect("values");
                assert_eq!(half.len(), values.len());
                device.sync_async().await.expect("syncs");
                assert!(y.item_async::<f32>().await.is_err(), "there are many elements");
                assert!(y.to_vec_async::<i32>().await.is_err(), "they are floats");
            }
        };
        let pending = run_all((0..6).map(read).collect());
        assert_eq!(pending > 0, !device.is_cpu(), "a GPU takes its time, and nobody waits for it: {pending}");
    }
    Ok(())
}

#[test]
fn a_future_that_is_dropped_leaves_the_device_usable() -> Result<()> {
    for device in fresh() {
        let x = ramp(&[300], &device);
        let table = ramp(&[4], &device);
        for round in 0..20 {
            let y = &x * round as f32;
            {
                let mut dropped = pin!(y.to_vec_async::<f32>());
                let _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            assert_eq!(y.to_vec::<f32>()?[8], 0.0);
        }
        // Indices that the host does not see. What a GPU finds wrong must not get lost with the future that would have
        // told.
        let wrong = (Tensor::zeros([3], DType::I64, &device) + 9.0).to_dtype(DType::I64)
            + &Tensor::from_vec(vec![0i64, 0, 0], [3], &device)?;
        let picked = table.index_select(0, &wrong);
        let Ok(picked) = picked else { continue };
        {
            let mut dropped = pin!(picked.to_vec_async::<f32>());
            let _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        let later = device.sync().and_then(|()| picked.to_vec::<f32>());
        assert!(later.is_err(), "on {device}: {later:?}");
        assert_eq!(x.to_vec::<f32>()?[8], 0.0, "the device goes on");
    }
    Ok(())
}

#[cfg(feature = "gpu")]
#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn a_gpu_is_opened_without_blocking() {
    run_all(vec![async {
        let device = Device::open_async(0, DeviceOptions::default()).await.expect("opened before");
        assert_eq!((ramp(&[2], &device) + 1.0).to_vec_async::<f32>().await.expect("values"), [0.0, 0.125]);
        assert!(Device::open_async("no such adapter", DeviceOptions::default()).await.is_err());
    }]);
}
