//! `KILN_DEBUG=1`: the time of every kernel on stderr.

use super::{context::Context, encoder::Dispatch};
use crate::{
    Result,
    graph::debug::{self, Cost},
};

const MAX_KERNELS: u32 = 1024;

/// Takes the time of each kernel between two submissions.
pub(super) struct Profiler {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    mapped: wgpu::Buffer,
    entries: Vec<Cost>,
}

impl Profiler {
    /// A profiler if `KILN_DEBUG` asks for one and the device has timestamps.
    pub fn if_wanted(context: &Context) -> Result<Option<Self>> {
        if !debug::is_on() || !context.features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let size = MAX_KERNELS as u64 * 16;
        let buffer = |usage| wgpu::BufferDescriptor { label: Some("times"), size, usage, mapped_at_creation: false };
        let device = &context.device;
        context.scoped(|| {
            Some(Self {
                queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                    label: None,
                    ty: wgpu::QueryType::Timestamp,
                    count: MAX_KERNELS * 2,
                }),
                resolved: device
                    .create_buffer(&buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC)),
                mapped: device.create_buffer(&buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)),
                entries: Vec::new(),
            })
        })
    }

    /// A pass for one kernel.
    pub fn begin(&mut self, encoder: &mut wgpu::CommandEncoder, dispatch: &Dispatch) -> wgpu::ComputePass<'static> {
        let at = (self.entries.len() as u32).min(MAX_KERNELS - 1) * 2;
        self.entries.push(dispatch.cost.clone());
        let writes = wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(at),
            end_of_pass_write_index: Some(at + 1),
        };
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
        encoder.begin_compute_pass(&descriptor).forget_lifetime()
    }

    /// Submits, waits and prints.
    pub fn submit(&mut self, context: &Context, mut encoder: wgpu::CommandEncoder) {
        let count = (self.entries.len() as u32).min(MAX_KERNELS) * 2;
        if count == 0 {
            context.submit(encoder);
            return;
        }
        encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.mapped, 0, count as u64 * 8);
        context.submit(encoder);
        self.mapped.map_async(wgpu::MapMode::Read, 0..count as u64 * 8, |_| {});
        if context.poll(None).is_ok()
            && let Ok(view) = self.mapped.get_mapped_range(0..count as u64 * 8)
        {
            let period = context.queue.get_timestamp_period() as f64;
            for (entry, times) in self.entries.iter().zip(view.chunks_exact(16)) {
                let [start, end] = [0, 8].map(|i| u64::from_le_bytes(std::array::from_fn(|j| times[i + j])));
                entry.report(end.saturating_sub(start) as f64 * period);
            }
        }
        self.mapped.unmap();
        self.entries.clear();
    }
}
