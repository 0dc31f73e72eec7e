//! Waits that the host program ends. In a process of its own, as the function that ends them is the process's.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use kiln::{Error, prelude::*};
use kiln_tests::devices;

static STOP: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicUsize = AtomicUsize::new(0);
/// One test at a time says when to stop.
static TURN: Mutex<()> = Mutex::new(());

fn check() -> bool {
    ASKED.fetch_add(1, Ordering::Relaxed);
    // It is called without locks, so that it may compute.
    let one = Tensor::ones([2], DType::F32, &Device::cpu()).sum(()).and_then(|x| x.item::<f32>());
    assert_eq!(one.unwrap(), 2.0);
    STOP.load(Ordering::Relaxed)
}

fn chain(x: &Tensor) -> Tensor {
    (0..100).fold(x.clone(), |y, _| y.matmul(x).unwrap().tanh())
}

fn numbers(size: usize, device: &Device) -> Tensor {
    Tensor::randn([size, size], DType::F32, 1, device).unwrap() * 0.05
}

/// A computation that was interrupted, and the size of its matrices: the first that takes longer than the time between
/// two questions.
fn interrupted(device: &Device) -> (Tensor, usize) {
    let mut size = 128;
    loop {
        let y = chain(&numbers(size, device));
        STOP.store(true, Ordering::Relaxed);
        let read = y.to_vec::<f32>();
        STOP.store(false, Ordering::Relaxed);
        match read {
            Ok(_) => {
                size *= 2;
                assert!(size <= 2048, "a read of {size} x {size} cannot be interrupted");
            }
            Err(Error::Interrupted) => return (y, size),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn an_interrupted_computation_is_continued() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    kiln::set_interrupt_check(check);
    for (name, device) in devices() {
        let (y, size) = interrupted(device);
        assert!(ASKED.load(Ordering::Relaxed) > 0);
        // Other work goes on, and finds what was interrupted done.
        let small = Tensor::arange(0, 10, 1, DType::I64, device).unwrap();
        assert_eq!((&small * 2).to_vec::<i64>().unwrap()[9], 18, "{name}");
        let again = chain(&numbers(size, device));
        assert_eq!(y.to_vec::<f32>().unwrap(), again.to_vec::<f32>().unwrap(), "{name}");
    }
}

#[test]
fn threads_share_what_is_computed() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    kiln::set_interrupt_check(check);
    let x = numbers(128, &Device::cpu());
    let expected = chain(&x).to_vec::<f32>().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(chain(&x).to_vec::<f32>().unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn a_long_kernel_is_left_to_a_thread_of_its_own() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    kiln::set_interrupt_check(check);
    // 2^35 multiplications and additions, which take longer than the time between two questions.
    let x = Tensor::ones([4096, 2048], DType::F32, &Device::cpu());
    let y = (&x + 0.0).matmul(&(&x + 0.0).t()).unwrap();
    STOP.store(true, Ordering::Relaxed);
    let read = y.sum(()).unwrap().item::<f32>();
    STOP.store(false, Ordering::Relaxed);
    assert!(matches!(read, Err(Error::Interrupted)));
    assert_eq!(y.select(0, 7).unwrap().to_vec::<f32>().unwrap(), [2048.0; 4096]);
}
