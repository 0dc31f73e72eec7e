//! What Kiln's tests share: the devices they run on, numbers, tables of ops, and the cases of golden files.

pub mod draw;
pub mod golden;
pub mod rows;
pub mod values;

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

use kiln::{Device, DeviceOptions};

/// Devices with their names: CPU fused, CPU unfused, GPU fused, GPU unfused.
type Set = &'static [(&'static str, Device)];

/// The sets of tests that have ended. Their devices keep the kernels that they have compiled.
static IDLE: Mutex<Vec<Set>> = Mutex::new(Vec::new());

/// A set in the hands of a test, which is a thread.
struct Lent(Set);

impl Lent {
    fn new() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let set = idle.unwrap_or_else(open);
        // An error that a failed test has left on a GPU would be the next one's.
        set.iter().for_each(|(_, device)| _ = device.sync());
        Self(set)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

/// CPU fused, CPU unfused, GPU fused, GPU unfused, with their names. No other test uses them at the same time, so that
/// what they count and the errors that they report are the calling test's.
///
/// # Panics
/// If there is no GPU adapter, and the GPU is not left out.
pub fn devices() -> &'static [(&'static str, Device)] {
    thread_local! {
        static LENT: Lent = Lent::new();
    }
    LENT.with(|lent| lent.0)
}

/// One of the [`devices`] by its name.
///
/// # Panics
/// If there is none of that name.
pub fn device(name: &str) -> &'static Device {
    let found = devices().iter().find(|(n, _)| *n == name);
    found.map(|(_, device)| device).unwrap_or_else(|| panic!("no device {name:?}"))
}

/// Whether the tests run on a GPU, too: `build.rs` asks for that.
pub const HAS_GPU: bool = !cfg!(no_gpu);

/// The first GPU as a device of its own with other options than the defaults.
///
/// # Panics
/// If it does not open.
pub fn gpu_with(change: impl FnOnce(&mut DeviceOptions)) -> Device {
    let mut options = DeviceOptions::default();
    change(&mut options);
    Device::gpu_with(0, options).unwrap_or_else(|error| {
        panic!(
            "{error}\nThe tests need a GPU or a software one:\n    apt-get install mesa-vulkan-drivers libvulkan1\n\
             KILN_TEST_GPU=off runs them on the CPU alone."
        )
    })
}

/// A CPU and a GPU, if there is one, that no other test uses, so that their counters are this test's own.
pub fn fresh() -> Vec<Device> {
    let mut all = vec![Device::cpu_with(DeviceOptions::default())];
    if HAS_GPU {
        all.push(gpu_with(|_| {}));
    }
    all
}

fn open() -> Set {
    let mut unfused = DeviceOptions::default();
    unfused.fusion = false;
    let mut set =
        vec![("cpu", Device::cpu_with(DeviceOptions::default())), ("cpu, unfused", Device::cpu_with(unfused))];
    if HAS_GPU {
        set.extend([("gpu", gpu_with(|_| {})), ("gpu, unfused", gpu_with(|options| options.fusion = false))]);
    }
    set.leak()
}

/// Set in the environment of a test program that runs itself.
const CHILD: &str = "KILN_TEST_CHILD";

/// Runs a test, by its whole name, in a process of its own, where [`child`] is this value. Returns what it writes to
/// stderr.
///
/// # Panics
/// If the test does not pass there.
pub fn run_alone(test: &str, value: &str) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).args(["--exact", test, "--nocapture"]).env(CHILD, value).output();
    let output = output.expect("a child");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
    stderr
}

/// In a process that [`run_alone`] has started, the value that it gave.
pub fn child() -> Option<String> {
    std::env::var(CHILD).ok()
}
