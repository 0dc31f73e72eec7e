//! The devices that exist, and opening them.

use std::{
    str::FromStr,
    sync::{Mutex, OnceLock, PoisonError},
};

use crate::{
    Device, DeviceInfo, DeviceKind, DeviceOptions, Error, GpuSelector, Result, cpu::CpuExecutor, device::FORKED,
    threads,
};

impl Device {
    /// The CPU, always the same device.
    pub fn cpu() -> Device {
        static CPU: OnceLock<Device> = OnceLock::new();
        CPU.get_or_init(|| Device::cpu_with(DeviceOptions::default())).clone()
    }

    /// The CPU as a device of its own with these options; its tensors do not mix with [`Device::cpu`]'s.
    pub fn cpu_with(options: DeviceOptions) -> Device {
        let info = DeviceInfo {
            name: "CPU".into(),
            kind: DeviceKind::Cpu,
            backend: "cpu".into(),
            driver: String::new(),
            limits: vec![("threads", threads::count() as u64)],
            features: Vec::new(),
        };
        Device::new("cpu".into(), info, options, CpuExecutor::open())
    }

    /// A GPU: the number of its line in [`Device::list`], counted among GPUs from 0, or a part of its name.
    ///
    /// The same GPU gives the same device every time.
    ///
    /// # Errors
    /// If there is no such GPU, Kiln was built without the feature `gpu`, or the driver fails.
    ///
    /// ```no_run
    /// # use kiln::prelude::*;
    /// let first = Device::gpu(0)?;
    /// let nvidia = Device::gpu("NVIDIA")?;
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn gpu(which: impl Into<GpuSelector>) -> Result<Device> {
        static OPEN: Mutex<Vec<(GpuSelector, Device)>> = Mutex::new(Vec::new());
        // Of the process that opened a GPU first.
        static OWNER: OnceLock<u32> = OnceLock::new();
        if *OWNER.get_or_init(threads::generation) != threads::generation() {
            return Err(Error::Device { name: which.into().to_string(), reason: FORKED.into() });
        }
        let which = which.into();
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, device)) = open.iter().find(|(w, _)| *w == which) {
            return Ok(device.clone());
        }
        let device = Device::gpu_with(which.clone(), DeviceOptions::default())?;
        // The same adapter under another name is the same device.
        let device = open.iter().find(|(_, d)| d.name() == device.name()).map_or(device, |(_, d)| d.clone());
        open.push((which, device.clone()));
        Ok(device)
    }

    /// A GPU as a device of its own with these options; its tensors do not mix with [`Device::gpu`]'s.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    pub fn gpu_with(which: impl Into<GpuSelector>, options: DeviceOptions) -> Result<Device> {
        #[cfg(feature = "gpu")]
        return pollster::block_on(Device::open_async(which, options));
        #[cfg(not(feature = "gpu"))]
        {
            let _ = options;
            let reason = "kiln was built without its feature `gpu`".into();
            Err(Error::Device { name: which.into().to_string(), reason })
        }
    }

    /// Opens a GPU, as [`Device::gpu_with`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    #[cfg(feature = "gpu")]
    pub async fn open_async(which: impl Into<GpuSelector>, options: DeviceOptions) -> Result<Device> {
        let (index, executor, info) = crate::gpu::open(&which.into(), &options).await?;
        Ok(Device::new(format!("gpu:{index}"), info, options, executor))
    }

    /// The device that `KILN_DEVICE` names (`cpu`, `gpu`, `gpu:1`, a part of a GPU's name), else the first GPU that
    /// is real hardware, else the CPU.
    ///
    /// # Panics
    /// If `KILN_DEVICE` names a device that does not exist: work would otherwise run in the wrong place unnoticed.
    pub fn best() -> Device {
        match std::env::var("KILN_DEVICE") {
            Ok(name) if !name.is_empty() && name != "auto" => match name.parse() {
                Ok(device) => device,
                Err(error) => panic!("KILN_DEVICE: {error}"),
            },
            _ => Device::auto(),
        }
    }

    fn auto() -> Device {
        static AUTO: OnceLock<Device> = OnceLock::new();
        let open = || {
            let real = |d: &DeviceInfo| !matches!(d.kind, DeviceKind::Cpu | DeviceKind::SoftwareGpu);
            let index = Device::list().iter().skip(1).position(real);
            match index.map(Device::gpu) {
                Some(Ok(device)) => device,
                Some(Err(error)) => {
                    log::warn!("{error}; using the CPU");
                    Device::cpu()
                }
                None => Device::cpu(),
            }
        };
        AUTO.get_or_init(open).clone()
    }

    /// Every device: the CPU first, then the GPUs, real hardware before software.
    pub fn list() -> Vec<DeviceInfo> {
        let cpu = Device::cpu().info().clone();
        #[cfg(feature = "gpu")]
        return [vec![cpu], crate::gpu::adapters(&DeviceOptions::default())].concat();
        #[cfg(not(feature = "gpu"))]
        vec![cpu]
    }
}

impl FromStr for Device {
    type Err = Error;

    /// `auto`, `cpu`, `gpu`, `gpu:1`, or a part of a GPU's name.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Device::auto()),
            "cpu" => Ok(Device::cpu()),
            "gpu" => Device::gpu(0),
            _ => match name.strip_prefix("gpu:").map(str::parse::<usize>) {
                Some(Ok(index)) => Device::gpu(index),
                _ => Device::gpu(name),
            },
        }
    }
}
