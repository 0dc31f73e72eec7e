//! Parts, reflections and scales of pictures.

use crate::{DType, Error, Result, Tensor, random::Random};

/// The axes of a picture that are its height and its width.
pub(super) fn axes(op: &'static str, picture: &Tensor) -> Result<[usize; 2]> {
    let rank = picture.rank();
    match picture.dtype() {
        _ if rank < 3 => Err(Error::shape(
            op,
            picture.shape(),
            "a picture is [.., height, width, channels] of integers, or [.., channels, height, width] of floats",
        )),
        dtype if dtype.is_float() => Ok([rank - 2, rank - 1]),
        _ => Ok([rank - 3, rank - 2]),
    }
}

/// The part of a picture with this upper left corner and this size, without a copy.
///
/// # Errors
/// If it does not lie in the picture, or the rank is below 3.
///
/// ```
/// # use kiln::{io::image, prelude::*};
/// let x = Tensor::zeros([20, 30, 3], DType::U8, &Device::cpu());
/// assert_eq!(image::crop(&x, 2, 3, [10, 12])?.shape(), &[10, 12, 3]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn crop(picture: &Tensor, top: usize, left: usize, [height, width]: [usize; 2]) -> Result<Tensor> {
    let [y, x] = axes("crop", picture)?;
    let inside = |start: usize, size: usize, axis: usize| {
        start.checked_add(size).is_some_and(|end| end <= picture.shape()[axis])
    };
    if !inside(top, height, y) || !inside(left, width, x) {
        let reason = format!("{height} x {width} pixels from ({top}, {left}) on are not all in the picture");
        return Err(Error::shape("crop", picture.shape(), reason));
    }
    picture.narrow(y as isize, top, height)?.narrow(x as isize, left, width)
}

/// The middle of a picture.
///
/// # Errors
/// If the picture is smaller, or the rank is below 3.
pub fn center_crop(picture: &Tensor, size: [usize; 2]) -> Result<Tensor> {
    let [y, x] = axes("center_crop", picture)?;
    let start = |axis: usize, size: usize| {
        let rest = picture.shape()[axis].saturating_sub(size);
        // As in Python, which rounds halves to even.
        (rest as f64 / 2.0).round_ties_even() as usize
    };
    crop(picture, start(y, size[0]), start(x, size[1]), size)
}

/// A picture with left and right exchanged.
///
/// # Errors
/// If the rank is below 3.
pub fn hflip(picture: &Tensor) -> Result<Tensor> {
    let [_, x] = axes("hflip", picture)?;
    picture.flip([x as isize])
}

/// A picture with top and bottom exchanged.
///
/// # Errors
/// If the rank is below 3.
pub fn vflip(picture: &Tensor) -> Result<Tensor> {
    let [y, _] = axes("vflip", picture)?;
    picture.flip([y as isize])
}

/// A part of this size from anywhere in a picture, every place equally likely.
///
/// # Errors
/// If the picture is smaller, or the rank is below 3.
pub fn random_crop(picture: &Tensor, size: [usize; 2], random: &mut Random) -> Result<Tensor> {
    let [y, x] = axes("random_crop", picture)?;
    let mut start = |axis: usize, size: usize| random.below(picture.shape()[axis].saturating_sub(size) as u64 + 1);
    let (top, left) = (start(y, size[0]), start(x, size[1]));
    crop(picture, top as usize, left as usize, size)
}

/// A picture with left and right exchanged with probability `p`.
///
/// # Errors
/// If the rank is below 3.
pub fn random_hflip(picture: &Tensor, p: f64, random: &mut Random) -> Result<Tensor> {
    if random.unit() < p { hflip(picture) } else { Ok(picture.clone()) }
}

/// A picture with top and bottom exchanged with probability `p`.
///
/// # Errors
/// If the rank is below 3.
pub fn random_vflip(picture: &Tensor, p: f64, random: &mut Random) -> Result<Tensor> {
    if random.unit() < p { vflip(picture) } else { Ok(picture.clone()) }
}

/// Takes each channel's mean away and divides by its standard deviation: `[.., channels, height, width]` of floats.
///
/// # Errors
/// If the dtype is not a float, there is not a mean and a deviation for each channel, or a deviation is 0.
///
/// ```
/// # use kiln::{io::image, prelude::*};
/// let x = Tensor::ones([3, 2, 2], DType::F32, &Device::cpu());
/// let y = image::normalize(&x, &[0.5; 3], &[0.25; 3])?;
/// assert_eq!(y.to_vec::<f32>()?, [2.0; 12]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn normalize(picture: &Tensor, mean: &[f32], std: &[f32]) -> Result<Tensor> {
    let op = "normalize";
    let [y, _] = axes(op, picture)?;
    if !picture.dtype().is_float() {
        return Err(Error::dtype(op, picture.dtype(), "floats are normalised; `to_chw_f32` makes them"));
    }
    let channels = picture.shape()[y - 1];
    if mean.len() != channels || std.len() != channels {
        let reason = format!("{} means and {} deviations for {channels} channels", mean.len(), std.len());
        return Err(Error::shape(op, picture.shape(), reason));
    }
    if std.contains(&0.0) {
        return Err(Error::argument(op, "a deviation is 0"));
    }
    let each = |values: &[f32]| {
        let values = Tensor::from_slice(values, [channels, 1, 1], picture.device())?;
        Ok(if picture.dtype() == DType::F64 { values.to_dtype(DType::F64) } else { values })
    };
    let wide = if picture.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let y = picture.to_dtype(wide).sub(each(mean)?)?.div(each(std)?)?;
    Ok(y.to_dtype(picture.dtype()))
}
