//! Arbitrary structs of DLPack over a small buffer: what lies in it is read right, what contradicts itself is refused,
//! and the deleter runs once in any case.
//!
//! The importer cannot know how large the buffer is. Structs that are sound but reach out of it are not tried.

#![no_main]

use std::{
    ffi::c_void,
    ptr::null_mut,
    sync::atomic::{AtomicUsize, Ordering},
};

use kiln::{
    DType, MAX_RANK, Tensor,
    dlpack::{
        DLDataType, DLDevice, DLManagedTensor, DLManagedTensorVersioned, DLPackVersion, DLTensor, Handle, Managed,
    },
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

const WORDS: usize = 32;
/// More elements take too long to compare.
const MOST: i128 = 4096;

static DELETED: AtomicUsize = AtomicUsize::new(0);

/// What a struct's pointers point to.
struct Memory {
    words: [u64; WORDS],
    shape: [i64; MAX_RANK],
    strides: [i64; MAX_RANK],
}

/// What must become of a struct.
enum Verdict {
    Refused,
    /// Where each element starts, in bytes from the start of the buffer.
    Read(DType, Vec<usize>),
    Unknown,
}

/// A number that is small more often than not.
fn number(u: &mut Unstructured<'_>) -> Result<i64> {
    if u.ratio(7, 8)? { u.int_in_range(-3..=9) } else { u.arbitrary() }
}

fn dl_tensor(u: &mut Unstructured<'_>, memory: &mut Memory) -> Result<DLTensor> {
    for (size, stride) in memory.shape.iter_mut().zip(&mut memory.strides) {
        (*size, *stride) = (number(u)?, number(u)?);
    }
    let known: Vec<DLDataType> = DType::ALL.into_iter().map(DLDataType::from).collect();
    let dtype = match u.ratio(7, 8)? {
        true => *u.where_(&known)?,
        false => DLDataType { code: u.arbitrary()?, bits: u.arbitrary()?, lanes: u.int_in_range(0..=2)? },
    };
    let device_type = if u.ratio(7, 8)? { DLDevice::CPU } else { u.int_in_range(-1..=19)? };
    let pointer = |u: &mut Unstructured<'_>, list: *mut i64| Ok(if u.ratio(1, 8)? { null_mut() } else { list });
    Ok(DLTensor {
        data: if u.ratio(1, 16)? { null_mut() } else { memory.words.as_mut_ptr().cast() },
        device: DLDevice { device_type, device_id: u.arbitrary()? },
        ndim: if u.ratio(7, 8)? { u.int_in_range(0..=9)? } else { u.arbitrary()? },
        dtype,
        shape: pointer(u, memory.shape.as_mut_ptr())?,
        strides: pointer(u, memory.strides.as_mut_ptr())?,
        byte_offset: if u.ratio(7, 8)? { u.int_in_range(0..=255)? } else { u.arbitrary()? },
    })
}

fn judge(array: &DLTensor, memory: &Memory) -> Verdict {
    let dtype = DType::ALL.into_iter().find(|&dtype| DLDataType::from(dtype) == array.dtype);
    let rank = usize::try_from(array.ndim).ok().filter(|&rank| rank <= MAX_RANK);
    let (Some(dtype), Some(rank), true) = (dtype, rank, array.device.is_host()) else { return Verdict::Refused };
    let shape = &memory.shape[..rank];
    if rank > 0 && array.shape.is_null() || shape.iter().any(|&n| n < 0) {
        return Verdict::Refused;
    }
    // As many as can be addressed, whatever the axes of size 0.
    let most = (isize::MAX / 8) as i128;
    let nonzero = shape.iter().filter(|&&n| n != 0);
    let Some(_) = nonzero.into_iter().try_fold(1i128, |p, &n| Some(p * n as i128).filter(|&p| p <= most)) else {
        return Verdict::Refused;
    };
    let count: i128 = shape.iter().map(|&n| n as i128).product();
    if count == 0 {
        return Verdict::Read(dtype, Vec::new());
    }
    if array.data.is_null() {
        return Verdict::Refused;
    }
    let mut strides = [1i128; MAX_RANK];
    for axis in (0..rank).rev() {
        strides[axis] = match array.strides.is_null() {
            true if axis + 1 < rank => strides[axis + 1] * shape[axis + 1] as i128,
            true => 1,
            false => memory.strides[axis] as i128,
        };
    }
    let spans = || (0..rank).map(|axis| strides[axis] * (shape[axis] as i128 - 1));
    let size = dtype.size() as i128;
    let offset = array.byte_offset as i128;
    let low = offset + size * spans().filter(|&span| span < 0).sum::<i128>();
    let high = offset + size * (spans().filter(|&span| span > 0).sum::<i128>() + 1);
    let base = array.data.addr() as i128;
    if base + low <= 0 || base + high > usize::MAX as i128 || high - low > isize::MAX as i128 {
        return Verdict::Refused;
    }
    if low < 0 || high > (8 * WORDS) as i128 || count > MOST {
        return Verdict::Unknown;
    }
    let starts = (0..count).map(|mut index| {
        let mut at = 0;
        for axis in (0..rank).rev() {
            at += index % shape[axis] as i128 * strides[axis];
            index /= shape[axis] as i128;
        }
        (offset + at * size) as usize
    });
    Verdict::Read(dtype, starts.collect())
}

/// Whether two elements are the same; the bits of a half's NaN may change where it is moved.
fn same(dtype: DType, a: &[u8], b: &[u8]) -> bool {
    let infinity = match dtype {
        DType::F16 => 0x7c00,
        DType::BF16 => 0x7f80,
        _ => return a == b,
    };
    let is_nan = |x: &[u8]| u16::from_ne_bytes([x[0], x[1]]) & 0x7fff > infinity;
    a == b || is_nan(a) && is_nan(b)
}

unsafe extern "C" fn delete_versioned(_: *mut DLManagedTensorVersioned) {
    DELETED.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn delete_legacy(_: *mut DLManagedTensor) {
    DELETED.fetch_add(1, Ordering::SeqCst);
}

fn import<M: Managed>(managed: *mut M, copy: Option<bool>, verdict: Verdict, bytes: &[u8]) {
    let before = DELETED.load(Ordering::SeqCst);
    // SAFETY: the struct and its memory outlive this call, and what is read of them lies within.
    let handle = unsafe { Handle::from_raw(managed) }.expect("the pointer is aligned");
    match (Tensor::from_dlpack(handle, copy), verdict) {
        (Err(error), Verdict::Refused) => assert!(!error.to_string().is_empty()),
        // What cannot be shared is not.
        (Err(error), Verdict::Read(..)) => assert!(copy == Some(false), "{error}"),
        (Ok(x), Verdict::Read(dtype, starts)) => {
            assert_eq!((x.dtype(), x.numel()), (dtype, starts.len()));
            let size = dtype.size();
            let expected: Vec<u8> = match dtype {
                DType::Bool => starts.iter().map(|&at| u8::from(bytes[at] != 0)).collect(),
                _ => starts.iter().flat_map(|&at| bytes[at..at + size].to_vec()).collect(),
            };
            let lent = x.contiguous().to_dlpack(None).expect("a tensor on the CPU can be lent");
            let data = lent.dl_tensor().expect("the version is known").data.cast::<u8>();
            // SAFETY: a row-major tensor has so many bytes there.
            let got = unsafe { std::slice::from_raw_parts(data, expected.len()) };
            let mut pairs = got.chunks(size).zip(expected.chunks(size));
            assert!(pairs.all(|(got, expected)| same(dtype, got, expected)), "{got:?} instead of {expected:?}");
        }
        (Ok(x), Verdict::Refused) => panic!("{x:?} should have been refused"),
        (_, Verdict::Unknown) => unreachable!("such structs are not tried"),
    }
    assert_eq!(DELETED.load(Ordering::SeqCst), before + 1);
}

fn run(data: &[u8]) -> Result<()> {
    let mut u = Unstructured::new(data);
    let mut memory = Memory { words: [0; WORDS], shape: [0; MAX_RANK], strides: [0; MAX_RANK] };
    let dl_tensor = dl_tensor(&mut u, &mut memory)?;
    let copy = *u.where_(&[None, Some(false), Some(true)])?;
    let (is_versioned, flags) = (u.arbitrary()?, u.arbitrary()?);
    let version = DLPackVersion { major: if u.ratio(1, 8)? { u.arbitrary()? } else { 1 }, minor: u.arbitrary()? };
    memory.words.iter_mut().try_for_each(|word| u.arbitrary().map(|bits| *word = bits))?;
    let bytes: Vec<u8> = memory.words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let verdict = match judge(&dl_tensor, &memory) {
        Verdict::Unknown => return Ok(()),
        _ if is_versioned && version.major != 1 => Verdict::Refused,
        verdict => verdict,
    };
    let manager_ctx = null_mut::<c_void>();
    if is_versioned {
        let deleter = Some(delete_versioned as unsafe extern "C" fn(_));
        let mut managed = DLManagedTensorVersioned { version, manager_ctx, deleter, flags, dl_tensor };
        import(&raw mut managed, copy, verdict, &bytes);
    } else {
        let deleter = Some(delete_legacy as unsafe extern "C" fn(_));
        let mut managed = DLManagedTensor { dl_tensor, manager_ctx, deleter };
        import(&raw mut managed, copy, verdict, &bytes);
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too few bytes make no struct.
    let _ = run(data);
});
