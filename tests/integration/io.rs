//! Reading and writing of `.npy` and `.npz`, and exchange with `ndarray`.

use std::{fs, path::PathBuf};

use half::bf16;
use kiln::prelude::*;
use ndarray::{ArcArray, ArcArray2, Array0, Array1, Array2, Array3, ArrayD, Axis, Ix2, array, s};

/// A file in a folder of its own that goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kiln-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// The bytes of a `.npy` file of version 1.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn cpu() -> Device {
    Device::cpu()
}

fn numbers(dtype: DType) -> Tensor {
    Tensor::arange(0, 6, 1, DType::I32, &cpu()).unwrap().reshape([2, 3]).unwrap().to_dtype(dtype)
}

#[test]
fn every_dtype_comes_back_as_it_was_written() {
    for dtype in DType::ALL.into_iter().filter(|d| *d != DType::BF16) {
        for x in
            [numbers(dtype), numbers(dtype).t(), Tensor::ones((), dtype, &cpu()), Tensor::zeros([3, 0], dtype, &cpu())]
        {
            let y = npy::from_bytes(&npy::to_bytes(&x).unwrap()).unwrap();
            assert_eq!((y.shape(), y.dtype()), (x.shape(), x.dtype()));
            let values = |x: &Tensor| x.to_dtype(DType::F64).to_vec::<f64>().unwrap();
            assert_eq!(values(&y), values(&x), "{dtype}");
        }
    }
    let error = npy::to_bytes(&numbers(DType::BF16)).unwrap_err().to_string();
    assert_eq!(error, "npy: dtype bfloat16: is not among NumPy's dtypes; convert to float32 first");
}

#[test]
fn data_start_at_a_multiple_of_64() {
    let bytes = npy::to_bytes(&numbers(DType::F32)).unwrap();
    assert_eq!(bytes.len(), 128 + 24);
    assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
    assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   "));
    assert_eq!(bytes[127], b'\n');
}

#[test]
fn header_versions_2_and_3_are_read() {
    for version in [2, 3] {
        let header = header("<u2", "(2,)");
        let length = (header.len() as u32).to_le_bytes();
        let bytes = [b"\x93NUMPY", &[version, 0][..], &length, header.as_bytes(), &[1, 0, 0, 1]].concat();
        assert_eq!(npy::from_bytes(&bytes).unwrap().to_vec::<u16>().unwrap(), [1, 256]);
    }
}

#[test]
fn bools_are_0_and_1_whatever_the_file_says() {
    let x = npy::from_bytes(&file(&header("|b1", "(4,)"), &[0, 1, 2, 255])).unwrap();
    assert_eq!(x.to_vec::<bool>().unwrap(), [false, true, true, true]);
    assert_eq!(x.sum(()).unwrap().item::<i64>().unwrap(), 3);
}

#[test]
fn bfloat16_of_ml_dtypes_is_read() -> Result<()> {
    // What np.save writes of np.arange(3).astype(ml_dtypes.bfloat16), and of the other byte order.
    for (descr, data) in [("<V2", [0, 0, 0x80, 0x3f, 0, 0x40]), (">V2", [0, 0, 0x3f, 0x80, 0x40, 0])] {
        let x = npy::from_bytes(&file(&header(descr, "(3,)"), &data))?;
        assert_eq!((x.dtype(), x.to_vec::<bf16>()?), (DType::BF16, [0.0, 1.0, 2.0].map(bf16::from_f32).to_vec()));
    }
    let fields = "{'descr': [('a', '<V2'), ('', '|V2'), ('b', '|u1')], 'fortran_order': False, 'shape': (2,), }";
    let records = npy::NpyFile::from_bytes(&file(fields, &[0x80, 0x3f, 0, 0, 7, 0, 0x40, 0, 0, 8]))?;
    assert_eq!((records.names(), records.descr()), (vec!["a", "b"], "[('a', '<V2'), ('b', '|u1')]".into()));
    assert_eq!(records.field("a")?.to_dtype(DType::F32).to_vec::<f32>()?, [1.0, 2.0]);
    // Raw bytes are no numbers; nor are those of float8, whose dtype the file does not tell.
    for descr in ["|V2", "V2", "<V1", "<V4"] {
        let error = npy::from_bytes(&file(&header(descr, "(0,)"), &[])).unwrap_err().to_string();
        assert!(error.contains("raw bytes have no dtype"), "{error}");
    }
    Ok(())
}

#[test]
fn every_spelling_of_a_dtype_is_read() {
    // As np.dtype(spelling) of NumPy 2.5 on Linux.
    let spellings = [
        (DType::Bool, "? <? |? b1 <b1 |b1 >b1 bool bool_"),
        (DType::I8, "b <b |b i1 |i1 <i1 int8 byte"),
        (DType::I16, "h <h i2 =i2 |i2 int16 short"),
        (DType::I32, "i <i =i i4 <i4 |i4 int32 intc"),
        (DType::I64, "l <l q <q p n i8 <i8 int64 int int_ intp long longlong"),
        (DType::U8, "B u1 |u1 uint8 ubyte"),
        (DType::U16, "H <H u2 uint16 ushort"),
        (DType::U32, "I <I u4 uint32 uintc"),
        (DType::U64, "L <L Q P N u8 <u8 uint64 uint uintp ulong ulonglong"),
        (DType::F16, "e <e f2 <f2 half float16"),
        (DType::F32, "f <f =f f4 |f4 float32 single"),
        (DType::F64, "d <d f8 <f8 float64 double float"),
    ];
    for (dtype, spelled) in spellings {
        for descr in spelled.split(' ') {
            let x = npy::from_bytes(&file(&header(descr, "(1,)"), &vec![0; dtype.size()]));
            assert_eq!(x.map(|x| x.dtype()).map_err(|e| e.to_string()), Ok(dtype), "{descr}");
        }
    }
    let x = npy::from_bytes(&file(&header(">l", "(1,)"), &[0, 0, 0, 0, 0, 0, 1, 2])).unwrap();
    assert_eq!(x.to_vec::<i64>().unwrap(), [258]);
    // Names have no byte order, and what NumPy does not take is none.
    for descr in ["<bool", "<float32", "=int", "Float32", "float_", "b4", "str", " f4", "<l8", "k", "<g", "longdouble"]
    {
        assert!(npy::from_bytes(&file(&header(descr, "(0,)"), &[])).is_err(), "{descr}");
    }
}

#[test]
fn broken_files_are_refused_with_the_cause() {
    let good = file(&header("<f4", "(2,)"), &[0; 8]);
    assert!(npy::from_bytes(&good).is_ok());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "ends within the magic number"),
        (b"not an array".to_vec(), "does not start with"),
        (b"\x93NUMBER".to_vec(), "does not start with"),
        (b"PK\x03\x04 not an array".to_vec(), "the file is a zip archive: unpack it first"),
        (b"\x80\x04\x95 pickled".to_vec(), "the file is pickled Python objects: these can run code"),
        (b"<!doctype html>".to_vec(), "the file is a web page"),
        (b"\x93NUMPY\x04\x00\x00\x00".to_vec(), "version 4.0 is not known"),
        (good[..9].to_vec(), "ends within the header"),
        (good[..40].to_vec(), "ends within the header"),
        (good[..good.len() - 1].to_vec(), "shape [2] of float32 takes 8 bytes, but there are 7"),
        ([&good[..], &[0]].concat(), "takes 8 bytes, but there are 9"),
        (file(&header("<f4", "(1000000000000,)"), &[0; 8]), "takes 4000000000000 bytes, but there are 8"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(), "a header of 4294967295 bytes"),
        (b"\x93NUMPY\x03\x00\x02\x00\x00\x00\xff\xfe".to_vec(), "not UTF-8"),
        (
            file(&header("<c16", "(2,)"), &[0; 32]),
            "descr \"<c16\": complex numbers are not read; save real and imaginary parts",
        ),
    ];
    for (bytes, message) in cases {
        let error = npy::from_bytes(&bytes).unwrap_err().to_string();
        assert!(error.starts_with("npy: ") && error.contains(message), "{error}");
    }
    // Whatever is cut off or changed, there is an answer.
    for i in 0..good.len() {
        assert!(npy::from_bytes(&good[..i]).is_err());
        for bit in [1, 128] {
            let mut bytes = good.clone();
            bytes[i] ^= bit;
            let _ = npy::from_bytes(&bytes);
        }
    }
}

#[test]
fn errors_name_the_file() {
    let scratch = Scratch::new("broken.npy");
    fs::write(&scratch.0, b"\x93NUMPY\x01").unwrap();
    let message = npy::load(&scratch.0).unwrap_err().to_string();
    assert!(message.ends_with("broken.npy: it ends within the magic number"), "{message}");
    let missing = npy::load("no/such/file.npy").unwrap_err();
    assert!(matches!(missing, Error::File { ref path, .. } if path.ends_with("file.npy")), "{missing}");
    assert!(npy::save("no/such/file.npy", &numbers(DType::F32)).is_err());
}

/// Whoever catches an error can ask what kind it is of, and for what it comes from.
#[test]
fn errors_keep_their_cause() {
    use std::{error::Error as _, io};
    let x = numbers(DType::F32);
    let mut missing: Vec<Error> = vec![npy::load("no/such/file.npy").unwrap_err()];
    missing.push(npy::save("no/such/file.npy", &x).unwrap_err());
    #[cfg(feature = "npz")]
    missing.push(kiln::io::npz::open("no/such/file.npz").map(|_| ()).unwrap_err());
    #[cfg(feature = "npz")]
    missing.push(kiln::io::npz::save("no/such/file.npz", &[("x", &x)]).unwrap_err());
    #[cfg(feature = "csv")]
    missing.push(kiln::io::csv::read("no/such/file.csv").unwrap_err());
    #[cfg(feature = "safetensors")]
    missing.push(kiln::io::safetensors::load("no/such/file.safetensors").unwrap_err());
    #[cfg(feature = "image")]
    missing.push(kiln::io::image::open("no/such/file.png").unwrap_err());
    for error in missing {
        assert!(error.is_not_found() && !error.is_permission_denied(), "{error}");
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        assert_eq!(cause, Some(io::ErrorKind::NotFound), "{error}");
        assert!(error.to_string().starts_with("no/such/file."), "{error}");
    }
    let scratch = Scratch::new("broken.npy");
    fs::write(&scratch.0, b"\x93NUMPY\x01").unwrap();
    let broken = npy::load(&scratch.0).unwrap_err();
    assert!(!broken.is_not_found() && broken.source().is_none(), "{broken}");
}

#[test]
fn files_come_back_as_they_were_saved() {
    let scratch = Scratch::new("x.npy");
    npy::save(&scratch.0, &numbers(DType::I16).t()).unwrap();
    let x = npy::load(&scratch.0).unwrap();
    assert_eq!((x.shape().dims(), x.to_vec::<i16>().unwrap()), (&[3, 2][..], vec![0, 3, 1, 4, 2, 5]));
}

#[cfg(feature = "npz")]
mod archives {
    use half::f16;

    use super::*;

    #[test]
    fn what_numpy_writes_is_read() {
        let archive = npz::open("data/numpy.npz").unwrap();
        for name in archive.names() {
            let x = archive.get(name).unwrap();
            let values = x.to_dtype(DType::F64).to_vec::<f64>().unwrap();
            match name {
                "scalar" => assert_eq!((x.rank(), values), (0, vec![2.5])),
                "empty" => assert_eq!((x.shape().dims(), values), (&[0, 3][..], vec![])),
                "fortran_3d" => {
                    assert_eq!(x.shape(), &[2, 3, 4]);
                    assert_eq!(values, (0..24).map(f64::from).collect::<Vec<_>>());
                }
                "bool_little" | "bool_big" => assert_eq!(values, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
                _ => {
                    assert_eq!(x.shape(), &[2, 3], "{name}");
                    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "{name}");
                    let dtype = name.split('_').next().unwrap();
                    assert!(dtype == "fortran" || dtype == x.dtype().name(), "{name}");
                }
            }
        }
        assert_eq!(archive.names().len(), 28);
    }

    #[test]
    fn mnist_is_read() {
        let mnist = npz::open("../examples/data/mnist10k.npz").unwrap();
        for (part, count) in [("train", 8000), ("test", 2000)] {
            let (x, y) = (mnist.get(&format!("x_{part}")).unwrap(), mnist.get(&format!("y_{part}")).unwrap());
            assert_eq!((x.shape().dims(), x.dtype()), (&[count, 28, 28][..], DType::U8));
            assert_eq!((y.shape().dims(), y.dtype()), (&[count][..], DType::U8));
            assert_eq!(y.max(()).unwrap().item::<u8>().unwrap(), 9);
        }
        let message = mnist.get("z").unwrap_err().to_string();
        assert!(
            message.ends_with("mnist10k.npz: there is no array \"z\", but x_train, y_train, x_test, y_test"),
            "{message}"
        );
    }

    #[test]
    fn archives_come_back_as_they_were_saved() {
        let scratch = Scratch::new("xy.npz");
        let (x, y) = (numbers(DType::F16), Tensor::scalar(7u64, &cpu()));
        for compressed in [false, true] {
            let tensors = [("x", &x), ("y/z", &y)];
            if compressed { npz::save_compressed(&scratch.0, &tensors) } else { npz::save(&scratch.0, &tensors) }
                .unwrap();
            let archive = npz::open(&scratch.0).unwrap();
            assert_eq!(archive.names(), ["x", "y/z"]);
            let x: Vec<f16> = archive.get("x").unwrap().to_vec().unwrap();
            assert_eq!(x, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0].map(f16::from_f32));
            assert_eq!(archive.get("y/z").unwrap().item::<u64>().unwrap(), 7);
        }
        assert!(npz::save(&scratch.0, &[("x", &x), ("x", &x)]).is_err());
    }

    #[test]
    fn broken_archives_are_refused_with_the_cause() {
        let scratch = Scratch::new("broken.npz");
        npz::save(&scratch.0, &[("x", &numbers(DType::I32))]).unwrap();
        let good = fs::read(&scratch.0).unwrap();
        for end in 0..good.len() {
            assert!(npz::from_bytes(good[..end].to_vec()).is_err(), "cut at {end}");
        }
        for i in 0..good.len() {
            let mut bytes = good.clone();
            bytes[i] ^= 0x41;
            let read = npz::from_bytes(bytes)
                .and_then(|archive| archive.names().iter().map(|n| archive.get(n)).collect::<Result<Vec<_>>>());
            // What the checksum covers cannot change unnoticed.
            let data = good.windows(6).position(|w| w == b"\x93NUMPY").unwrap();
            assert!(read.is_err() || !(data..data + 152).contains(&i), "byte {i}");
        }
        let message = npz::open("data/make_numpy.py").unwrap_err().to_string();
        assert!(message.starts_with("data/make_numpy.py: "), "{message}");
    }
}

#[test]
fn owned_arrays_become_tensors_without_a_copy() {
    let a = Array2::from_shape_fn((3, 4), |(i, j)| (i * 10 + j) as f32);
    let big = ndarray::Array1::<f32>::zeros(1 << 20);
    let address = big.as_ptr();
    let big = Tensor::from(big);
    assert_eq!(big.as_ndarray::<f32>().unwrap().view().as_ptr(), address);
    assert_eq!(big.sum(()).unwrap().item::<f32>().unwrap(), 0.0);

    let expected = |a: &ArrayD<f32>| a.iter().copied().collect::<Vec<_>>();
    let mut flipped = a.clone();
    flipped.invert_axis(ndarray::Axis(1));
    let layouts =
        [a.clone(), a.clone().reversed_axes(), a.clone().slice_move(s![1.., ..;2]), flipped, Array2::zeros((0, 4))];
    for array in layouts {
        let x = Tensor::from(array.clone());
        assert_eq!(x.shape().dims(), array.shape());
        assert_eq!(x.to_vec::<f32>().unwrap(), expected(&array.clone().into_dyn()));
        assert_eq!((&x + 1.0).to_vec::<f32>().unwrap(), expected(&(&array + 1.0).into_dyn()));
        assert_eq!(Tensor::from_ndarray(&array.view(), &cpu()).unwrap().to_ndarray::<f32>().unwrap(), array.into_dyn());
    }
}

#[test]
fn arrays_go_there_and_back() {
    let x = Tensor::from(array![[1i64, 2], [3, 4]]).t();
    assert_eq!(ArrayD::<i64>::try_from(&x).unwrap(), array![[1i64, 3], [2, 4]].into_dyn());
    assert_eq!(Tensor::from(Array0::from_elem((), true)).to_vec::<bool>().unwrap(), [true]);
    let half = array![bf16::from_f32(1.5)];
    assert_eq!(Tensor::from(half.clone()).to_ndarray::<bf16>().unwrap(), half.into_dyn());
    assert!(ArrayD::<f32>::try_from(&x).unwrap_err().to_string().contains("asked for float32"));
    assert!(Tensor::try_from(ArrayD::<f32>::zeros(vec![1; 9])).unwrap_err().to_string().contains("rank 9"));
    assert!(Tensor::from_ndarray(&ArrayD::<f32>::zeros(vec![1; 9]), &cpu()).is_err());
}

#[test]
fn every_dtype_comes_from_an_array_and_goes_back() {
    macro_rules! check {
        ($($t:ty)*) => {$(
            let x = numbers(<$t as Element>::DTYPE).t();
            let array = Array2::<$t>::try_from(&x).unwrap();
            assert_eq!(x.as_ndarray::<$t>().unwrap().view(), array.view().into_dyn());
            let shared = ArcArray2::<$t>::try_from(&x).unwrap();
            for y in [Tensor::from(array.view()), Tensor::from(shared), Tensor::from(array.clone())] {
                assert_eq!(y.to_ndarray::<$t>().unwrap(), array.clone().into_dyn());
            }
        )*};
    }
    check!(bool i8 i16 i32 i64 u8 u16 u32 u64 half::f16 bf16 f32 f64);
}

#[test]
fn shared_arrays_are_shared_whatever_their_layout() {
    let a = Array3::from_shape_fn((3, 4, 5), |(i, j, k)| (i * 100 + j * 10 + k) as i32);
    let (whole, mut flipped, mut spread) = (a.to_shared(), a.to_shared(), a.to_shared());
    flipped.invert_axis(Axis(0));
    spread.slice_collapse(s![1.., ..;-2, 1..4;2]);
    let layouts = [
        whole.clone(),
        whole.clone().reversed_axes(),
        flipped,
        spread,
        whole.broadcast((3, 4, 5)).unwrap().to_shared(),
        a.slice(s![.., 2..2, ..]).to_shared(),
    ];
    for array in layouts {
        let x = Tensor::from(array.clone());
        assert_eq!(x.to_ndarray::<i32>().unwrap(), array.view().into_dyn());
        assert_eq!(x.add(1).unwrap().to_ndarray::<i32>().unwrap(), (&array + 1).into_dyn());
        let seen = x.as_ndarray::<i32>().unwrap();
        assert_eq!(seen.view(), array.view().into_dyn());
        assert!(array.is_empty() || seen.view().as_ptr() == array.as_ptr());
    }
    // Who writes to a shared array gets one of their own.
    let mut array = whole.clone();
    let x = Tensor::from(whole);
    array[[0, 0, 0]] = 7;
    drop(a);
    assert_eq!(x.as_ndarray::<i32>().unwrap().view()[[0, 0, 0]], 0);
    assert_eq!(Tensor::try_from(array.into_dyn()).unwrap().as_ndarray::<i32>().unwrap().view()[[0, 0, 0]], 7);
}

#[test]
fn tensors_are_seen_as_arrays_under_every_view() {
    let x = Tensor::arange(0, 24, 1, DType::F32, &cpu()).unwrap().reshape([2, 3, 4]).unwrap();
    let views = [
        x.clone(),
        x.permute([2, 0, 1]).unwrap(),
        x.slice(1, 1, 3, 1).unwrap().flip([0, 2]).unwrap(),
        x.narrow(0, 1, 1).unwrap().expand([5, 3, 4]).unwrap(),
        x.narrow(2, 1, 0).unwrap(),
        &x + 1.0,
        Tensor::full([2, 2], 3.0, DType::F32, &cpu()).unwrap(),
        Tensor::scalar(2.5f32, &cpu()),
    ];
    for x in views {
        let seen = x.as_ndarray::<f32>().unwrap();
        // What becomes of the tensor does not matter.
        let copy = x.to_ndarray::<f32>().unwrap();
        (x * 2.0).to_vec::<f32>().unwrap();
        assert_eq!(seen.view(), copy);
    }
    assert!(x.as_ndarray::<f64>().err().unwrap().to_string().contains("asked for float64"));
    let rank = Array2::<f32>::try_from(&x).unwrap_err().to_string();
    assert_eq!(rank, "to_ndarray: shape [2, 3, 4]: asked for an array of rank 2");
    assert!(ArcArray::<f32, Ix2>::try_from(&x).is_err());
    assert_eq!(Array1::<f32>::try_from(&x.sum([1, 2]).unwrap()).unwrap(), array![66.0, 210.0]);
    assert!(Tensor::try_from(ArrayD::<f32>::zeros(vec![1; 9]).view()).is_err());
    assert!(Tensor::try_from(ArrayD::<f32>::zeros(vec![1; 9]).into_shared()).is_err());
}

#[test]
fn arrays_that_tensors_were_made_of_are_never_written_to() {
    let x = Tensor::from(array![1.0f32, 2.0, 3.0]);
    let y = (&x * 2.0) + 1.0;
    drop(x.clone());
    assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 5.0, 7.0]);
    let z = x * 3.0;
    assert_eq!(z.to_vec::<f32>().unwrap(), [3.0, 6.0, 9.0]);
}
