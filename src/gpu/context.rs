//! Adapter, device and queue, what they can do, and whether they still live.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use wgpu::{Features, Limits};

use crate::{DeviceInfo, DeviceKind, DeviceOptions, Error, GpuSelector, Result, device::FORKED, threads};

/// Whether the options want a feature.
type Switch = fn(&DeviceOptions) -> bool;

/// Optional features by the names under which they are shown, with the switch that turns them off.
const FEATURES: [(Features, &str, Switch); 8] = [
    (Features::SUBGROUP, "subgroups", |o| o.subgroups),
    (Features::IMMEDIATES, "immediates", |o| o.immediates),
    (Features::SHADER_INT64, "int64", |o| o.int64),
    (Features::SHADER_F64, "f64", |o| o.f64),
    (Features::TIMESTAMP_QUERY, "timestamps", |o| o.timestamps),
    (Features::TIMESTAMP_QUERY_INSIDE_ENCODERS, "timestamps in encoders", |o| o.timestamps),
    (Features::TIMESTAMP_QUERY_INSIDE_PASSES, "timestamps in passes", |o| o.timestamps),
    (Features::PIPELINE_CACHE, "pipeline cache", |_| true),
];

/// Buffers of one kernel, whatever the device offers.
pub(super) const MAX_BINDINGS: usize = 32;

/// Bytes that a binding can always have: the most to which the start of a window is rounded.
pub(super) const MIN_BINDING: u64 = 256;

/// Mesa counts to 65,535; a few are left for loops that every kernel has.
const MAX_LOOP: usize = 65_000;

/// What generated kernels may rely on, and how they are best cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Lanes of every subgroup, if subgroup operations may be used and the size is fixed.
    pub subgroup: Option<u32>,
    pub int64: bool,
    pub f64: bool,
    /// The driver runs on the CPU: wide threads, no shared memory.
    pub cpu: bool,
    /// Bytes of parameters that may be passed as immediates.
    pub immediates: usize,
    pub workgroup_memory: usize,
    /// Buffers of one kernel.
    pub bindings: usize,
    /// Bytes of a buffer that one kernel can bind.
    pub max_binding: usize,
    pub max_groups: u32,
    /// Turns of all loops together that a thread may take: Mesa's drivers on the CPU leave them after that many, without
    /// a word.
    pub max_loop: usize,
}

impl Target {
    /// Whether eight floats are best moved as four numbers of 64 bits: drivers on the CPU pay per number.
    pub fn octo(&self) -> bool {
        self.cpu && self.int64
    }
}

/// A device with its queue.
pub(super) struct Context {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub adapter: wgpu::AdapterInfo,
    pub limits: Limits,
    pub features: Features,
    pub target: Target,
    health: Arc<Health>,
    /// The latest work that the device knows of.
    submitted: Mutex<Option<wgpu::SubmissionIndex>>,
    /// The process that opened it.
    generation: u32,
}

/// The first error that no scope caught; after it the device is not used any more.
#[derive(Default)]
struct Health {
    broken: AtomicBool,
    reason: Mutex<Option<String>>,
    /// What has been created and perhaps refused.
    unanswered: Mutex<Vec<Answer>>,
}

/// What an error scope has caught.
type Answer = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;

impl Health {
    fn fail(&self, reason: String) {
        log::error!("gpu: {reason}");
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.broken.store(true, Ordering::Release);
    }

    /// What a scope has caught, if that is known by now; else it is looked at again later.
    fn answer(&self, mut answer: Answer) -> Option<wgpu::Error> {
        match answer.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(error) => error,
            Poll::Pending => {
                self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                None
            }
        }
    }

    /// Looks at scopes that had no answer.
    fn look(&self) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut *unanswered);
        drop(unanswered);
        for error in waiting.into_iter().filter_map(|answer| self.answer(answer)) {
            self.fail(error.to_string());
        }
    }
}

async fn enumerate() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

fn wanted(adapter: &wgpu::Adapter, options: &DeviceOptions) -> (Features, Limits) {
    let on = FEATURES.iter().filter(|(_, _, on)| on(options));
    let features = adapter.features() & on.fold(Features::empty(), |all, (feature, ..)| all | *feature);
    let offered = adapter.limits();
    let mut limits = if options.webgpu_limits {
        let max_immediate_size =
            if features.contains(Features::IMMEDIATES) { offered.max_immediate_size.min(64) } else { 0 };
        Limits { max_immediate_size, ..Limits::default() }.or_worse_values_from(&offered)
    } else {
        offered
    };
    if let Some(bytes) = options.max_binding_bytes {
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes.max(MIN_BINDING));
    }
    (features, limits)
}

fn describe(info: &wgpu::AdapterInfo, features: Features, limits: &Limits) -> DeviceInfo {
    DeviceInfo {
        name: info.name.clone(),
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
            wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => DeviceKind::VirtualGpu,
            wgpu::DeviceType::Cpu => DeviceKind::SoftwareGpu,
        },
        backend: info.backend.to_str().to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        limits: vec![
            ("buffer bytes", limits.max_buffer_size),
            ("binding bytes", limits.max_storage_buffer_binding_size),
            ("storage buffers", limits.max_storage_buffers_per_shader_stage.into()),
            ("workgroup bytes", limits.max_compute_workgroup_storage_size.into()),
            ("workgroup threads", limits.max_compute_invocations_per_workgroup.into()),
            ("workgroups per dimension", limits.max_compute_workgroups_per_dimension.into()),
            ("immediate bytes", limits.max_immediate_size.into()),
            ("smallest subgroup", info.subgroup_min_size.into()),
            ("largest subgroup", info.subgroup_max_size.into()),
        ],
        features: FEATURES.iter().filter(|(f, ..)| features.contains(*f)).map(|(_, name, _)| *name).collect(),
    }
}

/// Every adapter, software last.
pub(super) fn adapters(options: &DeviceOptions) -> Vec<DeviceInfo> {
    pollster::block_on(enumerate())
        .iter()
        .map(|adapter| {
            let (features, limits) = wanted(adapter, options);
            describe(&adapter.get_info(), features, &limits)
        })
        .collect()
}

impl Context {
    /// Opens the adapter of that number, or the first whose name contains that text.
    pub async fn open(which: &GpuSelector, options: &DeviceOptions) -> Result<(usize, Self, DeviceInfo)> {
        let refuse = |reason: String| Error::Device { name: which.to_string(), reason };
        let adapters = enumerate().await;
        let index = match which {
            GpuSelector::Index(index) => Some(*index),
            GpuSelector::Name(name) => {
                let named = |a: &wgpu::Adapter| a.get_info().name.to_lowercase().contains(&name.to_lowercase());
                adapters.iter().position(named)
            }
        };
        let Some((index, adapter)) = index.and_then(|i| Some((i, adapters.get(i)?))) else {
            let names: Vec<_> = adapters.iter().map(|a| a.get_info().name).collect();
            return Err(refuse(match names.is_empty() {
                true => "no GPU: install a Vulkan driver, or `mesa-vulkan-drivers` for one that runs on the CPU".into(),
                false => format!("there are {names:?}"),
            }));
        };
        let info = adapter.get_info();
        let (features, limits) = wanted(adapter, options);
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("kiln"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        });
        let (device, queue) = request.await.map_err(|e| refuse(e.to_string()))?;
        let health = Arc::new(Health::default());
        let (on_error, on_loss) = (health.clone(), health.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| on_error.fail(error.to_string())));
        device.set_device_lost_callback(move |reason, text| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                on_loss.fail(format!("the device is lost: {text}"));
            }
        });
        let fixed_subgroup = info.subgroup_min_size == info.subgroup_max_size && info.subgroup_max_size >= 4;
        let target = Target {
            subgroup: (features.contains(Features::SUBGROUP) && fixed_subgroup).then_some(info.subgroup_max_size),
            int64: features.contains(Features::SHADER_INT64),
            // Doubles are taken apart as integers.
            f64: features.contains(Features::SHADER_F64 | Features::SHADER_INT64),
            cpu: info.device_type == wgpu::DeviceType::Cpu,
            immediates: if features.contains(Features::IMMEDIATES) { limits.max_immediate_size as usize } else { 0 },
            workgroup_memory: limits.max_compute_workgroup_storage_size as usize,
            bindings: (limits.max_storage_buffers_per_shader_stage as usize).min(MAX_BINDINGS),
            max_binding: (limits.max_storage_buffer_binding_size & !255) as usize,
            max_groups: limits.max_compute_workgroups_per_dimension,
            max_loop: if info.device_type == wgpu::DeviceType::Cpu { MAX_LOOP } else { usize::MAX },
        };
        let described = describe(&info, features, &limits);
        let generation = threads::generation();
        let submitted = Mutex::default();
        let context = Self { device, queue, adapter: info, limits, features, target, health, submitted, generation };
        Ok((index, context, described))
    }

    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::Gpu { device: self.adapter.name.clone(), reason: reason.into() }
    }

    /// Hands work to the device.
    pub fn submit(&self, encoder: wgpu::CommandEncoder) {
        let mut submitted = self.submitted.lock().unwrap_or_else(PoisonError::into_inner);
        *submitted = Some(self.queue.submit([encoder.finish()]));
    }

    /// Waits until the device has done what was submitted, and calls what is due; not longer than the limit, if there is
    /// one.
    pub fn poll(&self, timeout: Option<Duration>) -> Result<()> {
        let submitted = self.submitted.lock().unwrap_or_else(PoisonError::into_inner);
        let poll = match submitted.clone() {
            Some(index) => wgpu::PollType::Wait { submission_index: Some(index), timeout },
            None => wgpu::PollType::Poll,
        };
        // Where a wait ends early while another thread hands over work, wgpu panics: what is done by then has changed.
        let _no_other = timeout.is_some().then_some(submitted);
        match self.device.poll(poll) {
            Ok(_) | Err(wgpu::PollError::Timeout) => self.check(),
            Err(error) => Err(self.error(error.to_string())),
        }
    }

    /// Makes every later call fail: what the device holds can no longer be relied on.
    pub fn fail(&self, reason: String) {
        self.health.fail(reason);
    }

    /// An error once the device has failed, and in a process that was forked after it had been opened.
    pub fn check(&self) -> Result<()> {
        if self.generation != threads::generation() {
            return Err(self.error(FORKED));
        }
        if cfg!(target_arch = "wasm32") {
            self.health.look();
        }
        if !self.health.broken.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason = self.health.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Err(self.error(reason.unwrap_or_default()))
    }

    /// Runs something that creates objects on the device, turning what wgpu reports into an error. Where that comes later
    /// (in a browser), the device fails then.
    pub fn scoped<T>(&self, create: impl FnOnce() -> T) -> Result<T> {
        self.check()?;
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = create();
        let mut first = None;
        for scope in [memory, internal, validation] {
            first = first.or(self.health.answer(Box::pin(scope.pop())));
        }
        match first {
            None => Ok(made),
            // Who knows what was asked for says so.
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(Error::OutOfMemory { device: self.adapter.name.clone(), bytes: 0, live: 0 })
            }
            Some(error) => Err(self.error(error.to_string())),
        }
    }
}
