//! The bind groups of earlier launches.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    context::{Context, MAX_BINDINGS},
    memory::Slice,
    pipeline::Layout,
};
use crate::Result;

/// More are not kept.
const MAX_GROUPS: usize = 4096;

/// Bind groups by their layout and their buffers, which they keep alive.
#[derive(Default)]
pub(super) struct Groups(Mutex<State>);

#[derive(Default)]
struct State {
    groups: HashMap<Box<[u64]>, wgpu::BindGroup>,
    /// Buffers that are gone.
    gone: Vec<u64>,
}

impl Groups {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group that binds these buffers.
    pub fn get(&self, context: &Context, layout: &Layout, buffers: &[Slice]) -> Result<wgpu::BindGroup> {
        let mut key = [0; 3 * MAX_BINDINGS + 1];
        key[0] = layout.id.into();
        let (ids, windows) = key[1..].split_at_mut(buffers.len());
        ids.iter_mut().zip(buffers).for_each(|(id, slice)| *id = slice.buffer.id);
        let mut length = buffers.len() + 1;
        if buffers.iter().any(|slice| slice.window.is_some()) {
            let slots = windows.chunks_exact_mut(2).zip(buffers);
            slots.for_each(|(key, slice)| key.copy_from_slice(&slice.window.unwrap_or_default()));
            length += 2 * buffers.len();
        }
        let key = &key[..length];
        let mut state = self.lock();
        state.drop_gone();
        if let Some(group) = state.groups.get(key) {
            return Ok(group.clone());
        }
        let group = bind(context, layout, buffers)?;
        if state.groups.len() >= MAX_GROUPS {
            state.groups.clear();
        }
        state.groups.insert(key.into(), group.clone());
        Ok(group)
    }

    /// Lets go of a buffer that nobody uses any more.
    pub fn forget(&self, buffer: u64) {
        self.lock().gone.push(buffer);
    }

    pub fn clear(&self) {
        *self.lock() = State::default();
    }
}

impl State {
    fn drop_gone(&mut self) {
        if self.gone.is_empty() {
            return;
        }
        let gone = std::mem::take(&mut self.gone);
        // An offset that looks like a buffer costs a group that is made anew.
        self.groups.retain(|key, _| !key[1..].iter().any(|word| gone.contains(word)));
    }
}

fn bind(context: &Context, layout: &Layout, buffers: &[Slice]) -> Result<wgpu::BindGroup> {
    let mut entries = Vec::with_capacity(buffers.len());
    for (i, Slice { buffer, window }) in buffers.iter().enumerate() {
        let buffer = &buffer.buffer;
        // A buffer of the pool may be larger than what is stored in it, and than what can be bound.
        let [offset, size] = window.unwrap_or([0, buffer.size().min(context.target.max_binding as u64)]);
        let binding = wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) };
        entries.push(wgpu::BindGroupEntry { binding: i as u32, resource: wgpu::BindingResource::Buffer(binding) });
    }
    let layout = &layout.raw;
    context.scoped(|| {
        context.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    })
}
