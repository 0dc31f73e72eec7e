//! The Rust snippets of `docs/from-numpy.md`: each stands here between marks, is run, and is the guide's to the letter.
//! In a process of its own, as the snippets name files in the current folder, which is the process's.

use std::{collections::BTreeSet, fs};

use kiln::prelude::*;

/// A folder for the files of a snippet, whose names there are relative.
fn in_folder(run: impl FnOnce() -> Result<()>) -> Result<()> {
    // Tests run in threads of one process, which has one current folder: one at a time.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(&folder).unwrap();
    run()
}

#[test]
fn convert() -> Result<()> {
    // guide: convert
    let device = Device::best();
    let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2], &device)?; // dtype of the elements: f32
    let ids = Tensor::from_vec(vec![3i64, 1, 2], [3], &device)?; // i64
    let weights = ids.to_dtype(DType::F32); // what dtype= asks for
    let hinted = if ids.dtype().is_float() { ids.clone() } else { ids.to_dtype(DType::F32) }; // what dtype_hint= asks for
    // end
    assert_eq!((x.dtype(), weights.dtype(), hinted.dtype()), (DType::F32, DType::F32, DType::F32));
    Ok(())
}

#[test]
fn constants() -> Result<()> {
    // guide: constant
    let device = Device::best();
    let zeros = Tensor::zeros([2, 3], DType::F32, &device);
    let sevens = Tensor::full([2, 3], 7, DType::I32, &device)?; // np.full, tf.constant(7, shape=..)
    let pi = Tensor::scalar(std::f32::consts::PI, &device);
    let steps = Tensor::arange(0, 10, 2, DType::I64, &device)?;
    let grid = Tensor::linspace(0.0, 1.0, 5, DType::F64, &device)?;
    let like = zeros.ones_like();
    // end
    assert_eq!(sevens.to_vec::<i32>()?, [7; 6]);
    assert_eq!((pi.rank(), steps.numel(), grid.numel(), like.numel()), (0, 5, 5, 6));
    Ok(())
}

#[test]
fn share() -> Result<()> {
    // guide: share
    let array = ndarray::Array2::<f32>::zeros((1000, 64));
    let address = array.as_ptr();
    let shared = Tensor::from(array); // takes the array's memory: no copy, whatever its strides
    let copied = Tensor::from_ndarray(&ndarray::array![[1.0f32, 2.0]].t(), &Device::cpu())?; // copies a view
    // end
    assert_eq!(copied.to_vec::<f32>()?, [1.0, 2.0]);
    let handle = shared.to_dlpack(Some(false))?;
    assert_eq!(handle.dl_tensor()?.data.cast_const().cast(), address);
    Ok(())
}

#[test]
fn copy_and_clone() -> Result<()> {
    // guide: clone
    let x = Tensor::ones([3], DType::F32, &Device::cpu());
    let same = x.clone(); // shares the memory, in O(1); nothing can change its elements
    let cut = x.detach(); // the same values, without the history of their gradient
    let changed = &x + 1.0; // a new tensor: `x` stays what it was
    // end
    assert_eq!((same.to_vec::<f32>()?, cut.to_vec::<f32>()?), (vec![1.0; 3], vec![1.0; 3]));
    assert_eq!(changed.to_vec::<f32>()?, [2.0; 3]);
    Ok(())
}

#[test]
fn devices() -> Result<()> {
    // guide: device
    let device = Device::best(); // the first real GPU, else the CPU
    let x = Tensor::rand([256, 256], DType::F32, 42, &Device::cpu())?.to_device(&device)?;
    let y = x.matmul(&x)?; // computed where its inputs are
    let back = y.to_device(&Device::cpu())?;
    // end
    assert_eq!(back.shape(), &[256, 256]);
    Ok(())
}

#[test]
fn datasets() -> Result<()> {
    // guide: dataset
    let x = Tensor::rand([1000, 8], DType::F32, 0, &Device::cpu())?;
    let y = x.sum(1)?;
    let data = TensorDataset::new((x, y))?; // from_tensor_slices((x, y))
    let loader = DataLoader::new(data).batch_size(64).shuffle(42).prefetch(2).drop_last();
    for batch in loader.iter().take(5) {
        let (x, y) = batch?;
        println!("{:?} {:?}", x.shape(), y.shape());
    }
    // end
    assert_eq!((loader.len(), loader.samples()), (15, 1000));
    Ok(())
}

#[test]
fn training_by_the_trainer() -> Result<()> {
    // guide: fit
    let device = Device::best();
    let x = Tensor::randn([512, 4], DType::F32, 1, &Device::cpu())?;
    let y = x.sum_keepdim(1)?;
    let loader = DataLoader::new(TensorDataset::new((x, y))?).batch_size(32).shuffle(0);

    let net = Sequential::new().with(Linear::new(4, 16, &device)?).with(nn::Relu).with(Linear::new(16, 1, &device)?);
    let mut trainer = Trainer::new(net, Adam::new(1e-2), Mse::new()).epochs(10);
    let history = trainer.fit(&loader)?;
    println!("loss {:.4}", history.epochs[9].loss);
    // end
    assert!(history.epochs[9].loss < 0.1, "{}", history.epochs[9].loss);
    Ok(())
}

#[test]
fn training_by_a_loop() -> Result<()> {
    let device = Device::cpu();
    let x = Tensor::randn([512, 4], DType::F32, 1, &device)?;
    let y = x.sum_keepdim(1)?;
    let loader = DataLoader::new(TensorDataset::new((x, y))?).batch_size(32).shuffle(0);
    let net = Linear::new(4, 1, &device)?;
    // guide: loop
    let mut optimizer = AdamW::new(1e-2).with(net.parameters());
    for _ in 0..10 {
        for batch in &loader {
            let (x, y) = batch?;
            let loss = mse(&net.forward(&x)?, &y)?;
            optimizer.step(loss.backward()?)?; // no zero_grad: gradients are returned, not stored
        }
    }
    let predicted = no_grad(|| net.forward(&Tensor::ones([1, 4], DType::F32, &device)))?;
    // end
    assert!((predicted.item::<f32>()? - 4.0).abs() < 1.5);
    Ok(())
}

#[test]
fn distances() -> Result<()> {
    // guide: cdist
    let device = Device::best();
    let a = Tensor::rand([1000, 3], DType::F32, 1, &device)?;
    let b = Tensor::rand([500, 3], DType::F32, 2, &device)?;
    let distances = a.cdist(&b, 2.0)?; // [1000, 500], on the GPU if there is one
    let (nearest, which) = distances.topk(5, -1, false)?; // the five nearest, and their rows in b
    // end
    assert_eq!((nearest.shape().dims(), which.dtype()), ([1000, 5].as_slice(), DType::I64));
    Ok(())
}

#[test]
fn dtypes() -> Result<()> {
    // guide: dtypes
    let x = Tensor::from_slice(&[1i32, 2, 3], [3], &Device::cpu())?;
    let half = x.to_dtype(DType::F16); // also BF16, which NumPy lacks
    let mean = &x / 2.0; // true division: i32 becomes f32, as in PyTorch
    let mixed = &x.to_dtype(DType::F32) + &Tensor::scalar(1.5f64, &Device::cpu()); // f32: rank 0 yields, as in PyTorch
    let wide = &x + &Tensor::from_slice(&[1.5f64], [1], &Device::cpu())?; // f64: it has an axis
    let bytes = x.to_dtype(DType::U8).clamp(-1, 300)?; // bounds that a byte does not hold limit nothing
    assert!(bytes.add(300).is_err() && bytes.lt(300)?.all(())?.item::<bool>()?); // 300 is no byte, but larger than any
    // end
    assert_eq!((half.dtype(), mean.dtype(), mixed.dtype()), (DType::F16, DType::F32, DType::F32));
    assert_eq!((wide.dtype(), bytes.to_vec::<u8>()?), (DType::F64, vec![1, 2, 3]));
    Ok(())
}

#[test]
fn errors() -> Result<()> {
    // guide: errors
    let a = Tensor::zeros([2, 3], DType::F32, &Device::cpu());
    let b = Tensor::zeros([4, 5], DType::F32, &Device::cpu());
    match a.matmul(&b) {
        Ok(product) => println!("{product}"),
        Err(error) => println!("{error}"), // matmul: shapes [2, 3] and [4, 5]: inner sizes 3 and 4 differ
    }
    // end
    assert_eq!(a.matmul(&b).unwrap_err().to_string(), "matmul: shapes [2, 3] and [4, 5]: inner sizes 3 and 4 differ");
    Ok(())
}

#[test]
fn tables() -> Result<()> {
    in_folder(|| {
        fs::write("points.csv", "x,y,kind\n0.5,1,cat\n2,,dog\n1e-2,7,cat\n").unwrap();
        // guide: csv
        use kiln::io::csv;

        let table = csv::read("points.csv")?; // or points.csv.gz
        let x = table.columns(["x", "y"])?; // [rows, 2] of f32; what is missing is NaN
        let labels = table.labels("kind")?; // ids in 0.., and their names
        println!("{:?}: {:?}", labels.classes, labels.ids.to_vec::<i64>()?);
        // end
        assert_eq!((x.shape().dims(), labels.classes), ([3, 2].as_slice(), vec!["cat".to_owned(), "dog".to_owned()]));
        fs::write("stations.csv", "# 2024\n3;?;north\n4;1.5;south\n").unwrap();
        // guide: csv-options
        let options = csv::Options::new().delimiter(b';').comment(b'#').names(["id", "rain", "where"]);
        let table = options.na_values(["?"]).usecols(["id", "rain"]).dtype_of("id", DType::I32).read("stations.csv")?;
        csv::save("rain.csv", &["rain"], &table.column("rain")?)?;
        // end
        assert_eq!(table.column("id")?.to_vec::<i32>()?, [3, 4]);
        assert_eq!(fs::read_to_string("rain.csv").unwrap().lines().last(), Some("1.5"));
        fs::write("prices.csv", b"stra\xdfe;preis\nNA;1.234,50\nx;2;3\ny;7\nSumme;1.241,50\n").unwrap();
        // guide: csv-format
        use kiln::io::csv::{BadLines, Encoding};

        let options = csv::Options::new().encoding(Encoding::Latin1).delimiter(b';').decimal(b',').thousands(b'.');
        let prices = options.skipfooter(1).keep_default_na(false).on_bad_lines(BadLines::Skip).read("prices.csv")?;
        println!("{:?}, without lines {:?}", prices.names(), prices.bad_lines());
        // end
        assert_eq!((prices.text("straße")?, prices.bad_lines()), (vec![Some("NA"), Some("y")], [3].as_slice()));
        assert_eq!(prices.column("preis")?.to_vec::<f64>()?, [1234.5, 7.0]);
        Ok(())
    })
}

#[test]
fn numpy_files() -> Result<()> {
    in_folder(|| {
        // guide: npy
        let x = Tensor::rand([100, 3], DType::F32, 0, &Device::cpu())?;
        npy::save("x.npy", &x)?; // to the byte what np.save writes
        let same = npy::load("x.npy")?;
        npz::save_compressed("all.npz", &[("x", &x), ("y", &x.sum(1)?)])?;
        let archive = npz::open("all.npz")?;
        println!("{:?} {}", archive.names(), archive.get("y")?);
        // end
        assert_eq!(same.to_vec::<f32>()?, x.to_vec::<f32>()?);
        Ok(())
    })
}

#[test]
fn structured_arrays() -> Result<()> {
    in_folder(|| {
        // guide: structured
        let id = Tensor::arange(0, 5, 1, DType::I64, &Device::cpu())?;
        let at = Tensor::rand([5, 3], DType::F32, 0, &Device::cpu())?;
        npy::save_fields("particles.npy", &[("id", &id), ("at", &at)])?;

        let file = npy::open("particles.npy")?;
        println!("{}", file.descr()); // [('id', '<i8'), ('at', '<f4', (3,))]
        let at = file.field("at")?; // [5, 3]; nested fields by their path, "at.x"
        // end
        assert_eq!((at.shape().dims(), file.names()), ([5, 3].as_slice(), vec!["id", "at"]));
        Ok(())
    })
}

#[test]
fn memory_maps() -> Result<()> {
    in_folder(|| {
        npy::save("large.npy", &Tensor::rand([1000, 8], DType::F32, 0, &Device::cpu())?)?;
        // guide: mmap
        let x = npy::mmap("large.npy")?; // at once, whatever its size: pages come when they are read
        let rows = x.slice(0, 100, 200, 2)?; // still no copy
        let y = Tensor::zeros([1000], DType::I64, &Device::cpu());
        let loader = DataLoader::new(TensorDataset::new((x, y))?).batch_size(64).shuffle(1).prefetch(2);
        // end
        assert_eq!((rows.shape().dims(), loader.len()), ([50, 8].as_slice(), 16));
        assert_eq!(loader.iter().next().unwrap()?.0.shape(), &[64, 8]);
        Ok(())
    })
}

#[cfg(feature = "cloud")]
#[test]
fn cloud_storage() -> Result<()> {
    in_folder(|| {
        npy::save("x.npy", &Tensor::rand([1000, 8], DType::F32, 0, &Device::cpu())?)?;
        let url = format!("file://{}", std::env::current_dir().unwrap().join("x.npy").display());
        // guide: cloud
        use kiln::io::cloud::{Remote, read_url};

        let x = npy::from_bytes(&read_url(&url)?)?; // s3://, gs://, az://, https://, file://
        let rows = Remote::open(&url)?.npy_rows(100..200)?.tensor()?; // fetches these rows only
        // end
        assert_eq!(rows.to_vec::<f32>()?, x.narrow(0, 100, 100)?.to_vec::<f32>()?);
        Ok(())
    })
}

#[test]
fn images() -> Result<()> {
    in_folder(|| {
        let red = Tensor::from_slice(&[200u8, 0, 0], [1, 1, 3], &Device::cpu())?.expand([40, 60, 3])?.contiguous();
        for kind in ["cat", "dog"] {
            fs::create_dir_all(format!("pets/{kind}")).unwrap();
            kiln::io::image::save(format!("pets/{kind}/1.png"), &red)?;
        }
        // guide: image
        use kiln::io::image::{self, Interpolation};

        let picture = image::open("pets/cat/1.png")?; // u8 of [height, width, channels]
        let x = picture.to_chw_f32()?; // f32 of [channels, height, width], 0 to 1
        let small = image::resize(&x, [32, 32], Interpolation::Bilinear)?;
        let normal = image::normalize(&small, &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225])?;
        let grid = image::make_grid(&Tensor::stack(&[&small, &small], 0)?, 2, 2, 1.0)?;
        let bytes = (grid.permute([1, 2, 0])? * 255.0).to_dtype(DType::U8);
        image::save("grid.png", &bytes)?;
        // end
        assert_eq!((normal.shape().dims(), bytes.shape().dims()), ([3, 32, 32].as_slice(), [36, 70, 3].as_slice()));
        image::save("mask.png", &Tensor::ones([40, 60], DType::U8, &Device::cpu()))?;
        // guide: image-mask
        let mask = image::open_as("mask.png", image::Mode::Index)?; // u8 of [height, width, 1]: indices into the palette
        let classes = mask.squeeze(-1)?.to_dtype(DType::I64);
        // end
        assert_eq!(classes.shape(), &[40, 60]);
        // guide: image-folder
        use kiln::data::ImageFolder;

        let pets = ImageFolder::new("pets")? // one folder for each class
            .random_transform(7, |x, random| image::random_crop(&x, [32, 32], random))
            .random_transform(8, |x, random| image::random_hflip(&x, 0.5, random))
            .transform(|x| image::normalize(&x.to_chw_f32()?, &[0.5; 3], &[0.5; 3]));
        println!("{:?}", pets.classes());
        let loader = DataLoader::new(pets).batch_size(64).shuffle(42).prefetch(2);
        // end
        assert_eq!(loader.iter().next().unwrap()?.0.shape(), &[2, 3, 32, 32]);
        Ok(())
    })
}

#[test]
fn weights() -> Result<()> {
    in_folder(|| {
        // guide: weights
        use kiln::io::safetensors;

        #[derive(Module)]
        struct Net {
            hidden: Linear, // hidden.weight, hidden.bias: the names and layouts of PyTorch
            out: Linear,
        }
        let device = Device::best();
        let net = Net { hidden: Linear::new(4, 8, &device)?, out: Linear::new(8, 2, &device)? };
        safetensors::save("net.safetensors", net.state_dict())?; // torch: load_file, load_state_dict
        net.load_state_dict(&safetensors::load("net.safetensors")?)?; // torch: save_file(net.state_dict(), ..)
        // end
        Ok(())
    })
}

#[test]
fn back() -> Result<()> {
    in_folder(|| {
        // guide: back
        let x = Tensor::rand([2, 3], DType::F32, 0, &Device::best())?;
        let values: Vec<f32> = x.to_vec()?; // waits for the device; row-major
        let array = x.to_ndarray::<f32>()?; // an ndarray::ArrayD
        npy::save("x.npy", &x)?; // np.load("x.npy")
        npz::save("all.npz", &[("x", &x)])?; // np.load("all.npz")["x"]
        // end
        assert_eq!(array.as_slice().unwrap(), values);
        assert_eq!(npz::open("all.npz")?.get("x")?.to_vec::<f32>()?, npy::load("x.npy")?.to_vec::<f32>()?);
        Ok(())
    })
}

/// The code between the marks, by name and without its indentation.
fn snippets() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = include_str!("guide.rs").lines();
    while let Some(line) = lines.next() {
        let Some((indent, name)) = line.split_once("// guide: ").filter(|(indent, _)| indent.trim().is_empty()) else {
            continue;
        };
        let code = lines.by_ref().take_while(|line| line.trim() != "// end");
        let code = code.map(|line| format!("{}\n", line.strip_prefix(indent).unwrap_or(line)));
        found.push((name.to_owned(), code.collect()));
    }
    found
}

#[test]
fn the_guide_shows_what_runs_here() {
    let guide = include_str!("../docs/from-numpy.md");
    let shown: BTreeSet<&str> = guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    for (name, code) in snippets() {
        assert!(shown.contains(&code[..]), "the guide lacks the snippet {name:?} as it is in tests/guide.rs");
    }
    assert_eq!(shown.len(), snippets().len(), "the guide shows Rust code that does not run in tests/guide.rs");
}
