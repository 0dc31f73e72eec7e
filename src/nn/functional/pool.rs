//! Pooling: one number out of each window.

use super::{conv::PerAxis, pool_windows::PoolWindows};
use crate::{
    DType, Device, Error, Result, Scalar, Tensor,
    autograd::{self, Rule, no_grad},
    layout::View,
    shape::MAX_RANK,
    tensor::window::Windows,
};

/// Elements of a window up to which they are compared or added one by one: vector loops are then as long as the result.
const UNROLLED: usize = 9;

/// How pooling windows lie on `N` axes. PyTorch's names and defaults; a number or an array is a kernel size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolOptions<const N: usize> {
    /// Elements of a window along each axis.
    pub kernel_size: [usize; N],
    /// The step from one window to the next, in elements; `None` is the kernel size.
    pub stride: Option<[usize; N]>,
    /// What lies on both sides of each axis: nothing for a maximum, zeros for a mean. At most half of the kernel.
    pub padding: [usize; N],
    /// The spacing between the elements of a window, for maxima alone.
    pub dilation: [usize; N],
    /// Whether a window may reach past the end, if it starts inside.
    pub ceil_mode: bool,
    /// Whether padding counts in a mean.
    pub count_include_pad: bool,
    /// What sums are divided by, in place of the number of elements.
    pub divisor_override: Option<usize>,
}

impl<const N: usize> PoolOptions<N> {
    /// Windows side by side, without padding.
    pub fn new(kernel_size: impl PerAxis<N>) -> Self {
        Self {
            kernel_size: kernel_size.per_axis(),
            stride: None,
            padding: [0; N],
            dilation: [1; N],
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }

    /// Sets the step from one window to the next.
    pub fn stride(mut self, stride: impl PerAxis<N>) -> Self {
        self.stride = Some(stride.per_axis());
        self
    }

    /// Sets the padding on both sides.
    pub fn padding(mut self, padding: impl PerAxis<N>) -> Self {
        self.padding = padding.per_axis();
        self
    }

    /// Sets the spacing between the elements of a window.
    pub fn dilation(mut self, dilation: impl PerAxis<N>) -> Self {
        self.dilation = dilation.per_axis();
        self
    }

    /// Lets windows reach past the end.
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.ceil_mode = ceil_mode;
        self
    }

    /// Whether padding counts in a mean.
    pub fn count_include_pad(mut self, count: bool) -> Self {
        self.count_include_pad = count;
        self
    }

    /// Sets what sums are divided by.
    pub fn divisor_override(mut self, divisor: usize) -> Self {
        self.divisor_override = Some(divisor);
        self
    }
}

impl<const N: usize> From<usize> for PoolOptions<N> {
    fn from(kernel_size: usize) -> Self {
        Self::new(kernel_size)
    }
}

impl<const N: usize> From<[usize; N]> for PoolOptions<N> {
    fn from(kernel_size: [usize; N]) -> Self {
        Self::new(kernel_size)
    }
}

macro_rules! pools {
    ($($n:literal $axes:literal $max:ident $indices:ident $avg:ident $adaptive_avg:ident $adaptive_max:ident;)*) => {$(
        /// The largest element of each window of
        #[doc = concat!("`[batch, channels, ", $axes, "]`")]
        /// (or without the batch), NaN if there is one. The gradient goes to the first of equal elements.
        ///
        /// # Errors
        /// If the rank is another one, a size, stride or dilation is 0, the padding is more than half of the kernel,
        /// no window fits, or the dtype is `Bool`.
        pub fn $max(x: &Tensor, options: impl Into<PoolOptions<$n>>) -> Result<Tensor> {
            Ok(max(stringify!($max), x, &options.into(), false)?.0)
        }

        #[doc = concat!("[`", stringify!($max), "`] and the flat index of each maximum in its channel (`I64`).")]
        ///
        /// # Errors
        #[doc = concat!("As [`", stringify!($max), "`].")]
        pub fn $indices(x: &Tensor, options: impl Into<PoolOptions<$n>>) -> Result<(Tensor, Tensor)> {
            let (y, indices) = max(stringify!($max), x, &options.into(), true)?;
            Ok((y, indices.unwrap_or_else(|| unreachable!("indices were asked for"))))
        }

        /// The mean of each window of
        #[doc = concat!("`[batch, channels, ", $axes, "]`")]
        /// (or without the batch).
        ///
        /// # Errors
        /// If the rank is another one, a size or stride is 0, there is a dilation, the padding is more than half of
        /// the kernel, no window fits, or the dtype is not a float.
        pub fn $avg(x: &Tensor, options: impl Into<PoolOptions<$n>>) -> Result<Tensor> {
            avg(stringify!($avg), x, &options.into())
        }

        /// Means over as many windows as are asked for: window `i` of `n` covers `floor(i * size / n)` to
        /// `ceil((i + 1) * size / n)`.
        ///
        /// # Errors
        /// If the rank is not that of
        #[doc = concat!("`[batch, channels, ", $axes, "]`")]
        /// or one less, the input has no elements along an axis, or the dtype is not a float.
        pub fn $adaptive_avg(x: &Tensor, output_size: impl PerAxis<$n>) -> Result<Tensor> {
            adaptive(stringify!($adaptive_avg), x, output_size.per_axis(), true)
        }

        /// Maxima over the windows of
        #[doc = concat!("[`", stringify!($adaptive_avg), "`].")]
        ///
        /// # Errors
        #[doc = concat!("As [`", stringify!($adaptive_avg), "`].")]
        pub fn $adaptive_max(x: &Tensor, output_size: impl PerAxis<$n>) -> Result<Tensor> {
            adaptive(stringify!($adaptive_max), x, output_size.per_axis(), false)
        }
    )*};
}

pools! {
    1 "length" max_pool1d max_pool1d_with_indices avg_pool1d adaptive_avg_pool1d adaptive_max_pool1d;
    2 "height, width" max_pool2d max_pool2d_with_indices avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d;
    3 "depth, height, width" max_pool3d max_pool3d_with_indices avg_pool3d adaptive_avg_pool3d adaptive_max_pool3d;
}

/// The input with a batch axis, and whether it had one.
fn batched(op: &'static str, x: &Tensor, axes: usize) -> Result<(Tensor, bool)> {
    match x.rank() {
        rank if rank == axes + 2 => Ok((x.clone(), true)),
        rank if rank == axes + 1 => Ok((x.unsqueeze(0)?, false)),
        _ => {
            let reason = format!("the input must have {} axes, or {} without the batch", axes + 2, axes + 1);
            Err(Error::shape(op, x.shape(), reason))
        }
    }
}

fn max<const N: usize>(
    op: &'static str,
    x: &Tensor,
    options: &PoolOptions<N>,
    with_indices: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    if x.dtype() == DType::Bool {
        return Err(Error::dtype(op, x.dtype(), "convert to a number first"));
    }
    let (x, had_batch) = batched(op, x, N)?;
    let pool = PoolWindows::new(op, &x, options)?;
    let (y, element) = no_grad(|| largest(&pool, &x.detach())).map_err(|error| error.in_op(op))?;
    let squeezed = |t: Tensor| if had_batch { Ok(t) } else { t.squeeze(0) };
    let indices = match with_indices {
        true => Some(squeezed(positions(&pool, &element)?)?),
        false => None,
    };
    let input = x.detach();
    let y = autograd::track(y, &[&x], |_| {
        Rule::custom(move |g| {
            // An element may be the largest of several windows.
            let g = g.widened();
            let dx = pool.grad_input(&input, &|shape, numbers| {
                element.reshape(shape)?.eq(numbers)?.where_(g.reshape(shape)?, 0.0)
            })?;
            Ok(vec![Some(dx)])
        })
    });
    Ok((squeezed(y)?, indices))
}

/// The maxima, and the numbers of their elements in the window.
fn largest(pool: &PoolWindows, x: &Tensor) -> Result<(Tensor, Tensor)> {
    let lowest = lowest(x.dtype(), x.device());
    let mut padded = pool.padded(x)?;
    let is_padded = padded.shape() != x.shape();
    if is_padded {
        // What is added must not win.
        let inside = Tensor::filled(*x.shape(), true, DType::Bool, x.device());
        padded = pool.padded(&inside)?.where_(&padded, &lowest)?;
    }
    let is_float = x.dtype().is_float();
    let (best, at) = if pool.elements() <= UNROLLED {
        let elements = pool.each_element(&padded)?;
        let mut best = elements[0].clone();
        let mut at = Tensor::filled(*best.shape(), 0i64, DType::I32, x.device());
        for (i, element) in elements.iter().enumerate().skip(1) {
            let better = element.gt(&best)?;
            // A NaN compares with nothing, not even with itself.
            let better = if is_float { better.logical_or(element.ne(element)?)? } else { better };
            best = better.where_(element, &best)?;
            at = better.where_(Tensor::filled((), i as i64, DType::I32, x.device()), &at)?;
        }
        (best, at)
    } else {
        let unfolded = pool.unfolded(&padded)?;
        let n = pool.windows.len();
        let axes: Vec<isize> = (2 + n as isize..2 + 2 * n as isize).collect();
        let best = unfolded.max_keepdim(&axes[..])?;
        let mut numbers = View { shape: *unfolded.shape(), strides: [0; MAX_RANK], offset: 0 };
        let mut step = 1;
        for i in (0..n).rev() {
            numbers.strides[2 + n + i] = step;
            step *= pool.windows[i].size as isize;
        }
        let hit = unfolded.eq(&best)?;
        let hit = if is_float { hit.logical_or(unfolded.ne(&unfolded)?)? } else { hit };
        let none = Tensor::filled((), Scalar::Int(step as i64), DType::I32, x.device());
        let at = hit.where_(Tensor::coordinates(numbers, x.device()), none)?.min(&axes[..])?;
        (best.reshape(*at.shape())?, at)
    };
    // Where nothing is above the lowest value, the padding's elements are as good as others: the input's come first.
    let at = if is_padded { best.eq(&lowest)?.where_(first_inside(pool, &at)?, &at)? } else { at };
    Ok((best, at))
}

/// What no element is below.
fn lowest(dtype: DType, device: &Device) -> Tensor {
    let value = match dtype {
        dtype if dtype.is_float() => Scalar::Float(f64::NEG_INFINITY),
        DType::I8 => Scalar::Int(i8::MIN.into()),
        DType::I16 => Scalar::Int(i16::MIN.into()),
        DType::I32 => Scalar::Int(i32::MIN.into()),
        DType::I64 => Scalar::Int(i64::MIN),
        _ => Scalar::Int(0),
    };
    Tensor::filled((), value, dtype, device)
}

/// The number of the first element of each window that lies in the input.
fn first_inside(pool: &PoolWindows, at: &Tensor) -> Result<Tensor> {
    let mut out = Tensor::filled(*at.shape(), 0i64, DType::I32, at.device());
    let mut step = 1i64;
    for (i, windows) in pool.windows.iter().enumerate().rev() {
        // How far the window starts in front of the input, in elements of the window.
        let mut front = View { shape: *at.shape(), strides: [0; MAX_RANK], offset: pool.before[i] as isize };
        front.strides[2 + i] = -(windows.step as isize);
        front.offset += windows.dilation as isize - 1;
        let front = Tensor::coordinates(front, at.device()).floor_divide(windows.dilation as i64)?;
        out = out.add(front.maximum(0i64)?.mul(step)?)?;
        step *= windows.size as i64;
    }
    Ok(out.to_dtype(DType::I32))
}

/// Elements of windows as flat indices into the input's channels.
fn positions(pool: &PoolWindows, element: &Tensor) -> Result<Tensor> {
    let n = pool.windows.len();
    let mut rest = element.to_dtype(DType::I64);
    let mut plane = 1i64;
    let mut out: Option<Tensor> = None;
    for i in (0..n).rev() {
        let Windows { size, step, dilation } = pool.windows[i];
        let mut start = View { shape: *element.shape(), strides: [0; MAX_RANK], offset: -(pool.before[i] as isize) };
        start.strides[2 + i] = step as isize;
        let k = rest.remainder(size as i64)?;
        rest = rest.floor_divide(size as i64)?;
        let at = k.mul(dilation as i64)?.add(Tensor::coordinates(start, element.device()))?.mul(plane)?;
        plane *= pool.sizes[i] as i64;
        out = Some(match out {
            Some(sum) => sum.add(at)?,
            None => at,
        });
    }
    Ok(out.unwrap_or_else(|| element.clone()))
}

fn avg<const N: usize>(op: &'static str, x: &Tensor, options: &PoolOptions<N>) -> Result<Tensor> {
    if !x.dtype().is_float() {
        return Err(Error::dtype(op, x.dtype(), "a mean is defined for floats; convert with `to_dtype`"));
    }
    if options.dilation != [1; N] {
        return Err(Error::argument(op, "dilation is not available for average pooling"));
    }
    if options.divisor_override == Some(0) {
        return Err(Error::argument(op, "the divisor must not be 0"));
    }
    let (x, had_batch) = batched(op, x, N)?;
    let pool = PoolWindows::new(op, &x, options)?;
    let sum = no_grad(|| {
        let padded = pool.padded(&x.detach())?;
        if pool.elements() <= UNROLLED {
            let elements = pool.each_element(&padded)?;
            return elements[1..].iter().try_fold(elements[0].widened(), |sum, element| sum.add(element.widened()));
        }
        let axes: Vec<isize> = (2 + N as isize..2 + 2 * N as isize).collect();
        pool.unfolded(&padded)?.widened().sum(&axes[..])
    })?;
    let input = x.detach();
    let saved = pool.clone();
    let sum = autograd::track(sum, &[&x], |_| {
        Rule::custom(move |g| Ok(vec![Some(saved.grad_input(&input, &|shape, _| g.reshape(shape))?)]))
    });
    let mean = match options.divisor_override {
        Some(divisor) => sum / divisor as f64,
        None => divided(&pool, sum, options.count_include_pad)?,
    };
    let y = mean.to_dtype(x.dtype());
    if had_batch { Ok(y) } else { y.squeeze(0) }
}

/// Sums over windows, divided by how many elements each has.
fn divided(pool: &PoolWindows, sum: Tensor, with_padding: bool) -> Result<Tensor> {
    let mut sum = sum;
    let mut everywhere = 1;
    for i in 0..pool.windows.len() {
        let (before, len, size) = (pool.before[i], pool.sizes[i], pool.windows[i].size);
        let count = |w: usize| {
            let start = w * pool.windows[i].step;
            let (low, high) = if with_padding { (0, len + 2 * before) } else { (before, len + before) };
            (start + size).min(high).saturating_sub(start.max(low))
        };
        let counts: Vec<usize> = (0..pool.counts[i]).map(count).collect();
        if counts.iter().all(|&n| n == size) {
            everywhere *= size;
            continue;
        }
        let mut shape = vec![1; 2 + pool.windows.len()];
        shape[2 + i] = counts.len();
        let counts: Vec<f32> = counts.into_iter().map(|n| n as f32).collect();
        sum = sum.div(Tensor::from_vec(counts, shape, sum.device())?)?;
    }
    Ok(if everywhere == 1 { sum } else { sum / everywhere as f64 })
}

fn adaptive<const N: usize>(op: &'static str, x: &Tensor, output: [usize; N], mean: bool) -> Result<Tensor> {
    if mean && !x.dtype().is_float() || x.dtype() == DType::Bool {
        return Err(Error::dtype(
            op,
            x.dtype(),
            "a maximum is defined for numbers, a mean for floats; convert with `to_dtype`",
        ));
    }
    let (x, had_batch) = batched(op, x, N)?;
    if x.shape()[2..].contains(&0) {
        return Err(Error::shape(op, x.shape(), "there are no elements along an axis"));
    }
    let mut shape = *x.shape();
    shape[2..].copy_from_slice(&output);
    if output.contains(&0) {
        let y = Tensor::zeros(shape, x.dtype(), x.device());
        return if had_batch { Ok(y) } else { y.squeeze(0) };
    }
    // The windows' elements side by side, each window as long as the longest one. An element may be in several.
    let mut spread = x.widened();
    let (mut longest, mut counts) = ([1; N], Vec::new());
    for (i, &count) in output.iter().enumerate() {
        let len = x.shape()[2 + i];
        let bounds: Vec<(usize, usize)> =
            (0..count).map(|w| (w * len / count, ((w + 1) * len).div_ceil(count))).collect();
        longest[i] = bounds.iter().map(|(start, end)| end - start).max().unwrap_or(1);
        // A shorter window has zeros in a sum, and its last element again for a maximum.
        let index = bounds.iter().flat_map(|&(start, end)| {
            let last = if mean { -1 } else { end as i32 - 1 };
            (start..start + longest[i]).map(move |at| if at < end { at as i32 } else { last })
        });
        let index = Tensor::from_vec(index.collect(), [count * longest[i]], x.device())?;
        spread = spread.slices(2 + i, &index, None)?;
        counts.push(bounds.into_iter().map(|(start, end)| (end - start) as f32).collect::<Vec<_>>());
    }
    let options = PoolOptions::new(longest);
    let y = if mean {
        let mut sum = avg(op, &spread, &options.divisor_override(1))?;
        for (i, counts) in counts.into_iter().enumerate() {
            let mut line = [1; 2 + MAX_RANK];
            line[2 + i] = counts.len();
            sum = sum.div(Tensor::from_vec(counts, &line[..2 + N], x.device())?)?;
        }
        sum
    } else {
        max(op, &spread, &options, false)?.0
    };
    let y = y.to_dtype(x.dtype());
    if had_batch { Ok(y) } else { y.squeeze(0) }
}
