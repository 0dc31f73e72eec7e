//! The devices that tests run on.

use std::sync::OnceLock;

use kiln::{Device, DeviceOptions};

/// CPU fused, CPU unfused, GPU fused, GPU unfused, with their names; opened once per test program.
///
/// # Panics
/// If there is no GPU adapter, unless `KILN_TEST_GPU=off` leaves the GPU out.
pub fn devices() -> &'static [(&'static str, Device)] {
    static DEVICES: OnceLock<Vec<(&str, Device)>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let mut unfused = DeviceOptions::default();
        unfused.fusion = false;
        let mut devices = vec![("cpu", Device::cpu()), ("cpu, unfused", Device::cpu_with(unfused.clone()))];
        if std::env::var("KILN_TEST_GPU").is_ok_and(|v| v == "off") {
            return devices;
        }
        let open = |options| match Device::gpu_with(0, options) {
            Ok(device) => device,
            Err(error) => panic!(
                "{error}\nThe tests need a GPU or a software one:\n    \
                 apt-get install mesa-vulkan-drivers libvulkan1\nKILN_TEST_GPU=off runs them on the CPU alone."
            ),
        };
        devices.extend([("gpu", open(DeviceOptions::default())), ("gpu, unfused", open(unfused))]);
        devices
    })
}
