// Trigonometry in f64. An Angle is a multiple of pi / 2 (its last two bits count) and what is left, at most pi / 4, as the
// sum of two D.

// The upper half of a product of 64 by 64 bits.
fn high_product_f64(a: W, b: W) -> W {
    let low = W(0xfffffffflu);
    let ah = a >> U(32u);
    let bh = b >> U(32u);
    let al = a & low;
    let bl = b & low;
    let middle = ah * bl + ((al * bl) >> U(32u));
    return ah * bh + (middle >> U(32u)) + ((al * bh + (middle & low)) >> U(32u));
}

// Of |x| from 2^20 on: x is a whole number times a power of two, so that it takes a window of 192 bits of 2 / pi to tell
// the quarter (the bits in front of it give whole turns) and 137 bits of the rest (after Payne and Hanek).
fn far_angle_f64(x: D) -> Angle {
    let bits = bitcast<W>(x);
    let mantissa = (bits & W(0xffffffffffffflu)) | W(0x10000000000000lu);
    let start = max(U((bits >> U(52u)) & W(2047lu)), U(1043u)) - U(1013u);
    let word = min(start >> U(6u), U(16u));
    let shift = start & U(63u);
    // 64 zeros and the first bits of 2 / pi by words, moved down by 16, 8, 4, 2 and 1 of them.
    let by16 = (word & U(16u)) != U(0u);
    let a0 = select(W(0x0000000000000000lu), W(0x7527bac7ebe5f17blu), by16);
    let a1 = select(W(0xa2f9836e4e441529lu), W(0x3d0739f78a5292ealu), by16);
    let a2 = select(W(0xfc2757d1f534ddc0lu), W(0x6bfb5fb11f8d5d08lu), by16);
    let a3 = select(W(0xdb6295993c439041lu), W(0x56033046fc7b6bablu), by16);
    let by8 = (word & U(8u)) != U(0u);
    let b0 = select(a0, W(0xe88235f52ebb4484lu), by8);
    let b1 = select(a1, W(0xe99c7026b45f7e41lu), by8);
    let b2 = select(a2, W(0x3991d639835339f4lu), by8);
    let b3 = select(a3, W(0x9c845f8bbdf9283blu), by8);
    let b4 = select(W(0xfe5163abdebbc561lu), W(0x1ff897ffde05980flu), by8);
    let b5 = select(W(0xb7246e3a424dd2e0lu), W(0xef2f118b5a0a6d1flu), by8);
    let b6 = select(W(0x06492eea09d1921clu), W(0x6d367ecf27cb09b7lu), by8);
    let b7 = select(W(0xfe1deb1cb129a73elu), W(0x4f463f669e5fea2dlu), by8);
    let b8 = select(W(0xe88235f52ebb4484lu), W(0x7527bac7ebe5f17blu), by8);
    let b9 = select(W(0xe99c7026b45f7e41lu), W(0x3d0739f78a5292ealu), by8);
    let b10 = select(W(0x3991d639835339f4lu), W(0x6bfb5fb11f8d5d08lu), by8);
    let by4 = (word & U(4u)) != U(0u);
    let c0 = select(b0, b4, by4);
    let c1 = select(b1, b5, by4);
    let c2 = select(b2, b6, by4);
    let c3 = select(b3, b7, by4);
    let c4 = select(b4, b8, by4);
    let c5 = select(b5, b9, by4);
    let c6 = select(b6, b10, by4);
    let by2 = (word & U(2u)) != U(0u);
    let d0 = select(c0, c2, by2);
    let d1 = select(c1, c3, by2);
    let d2 = select(c2, c4, by2);
    let d3 = select(c3, c5, by2);
    let d4 = select(c4, c6, by2);
    let by1 = (word & U(1u)) != U(0u);
    let w0 = select(d0, d1, by1);
    let w1 = select(d1, d2, by1);
    let w2 = select(d2, d3, by1);
    let w3 = select(d3, d4, by1);
    let over = U(63u) - shift;
    let v0 = (w0 << shift) | ((w1 >> U(1u)) >> over);
    let v1 = (w1 << shift) | ((w2 >> U(1u)) >> over);
    let v2 = (w2 << shift) | ((w3 >> U(1u)) >> over);
    let p2 = mantissa * v2;
    let carry = high_product_f64(mantissa, v2);
    let p1 = mantissa * v1 + carry;
    let p0 = mantissa * v0 + high_product_f64(mantissa, v1) + select(W(0lu), W(1lu), p1 < carry);
    // Two bits of the quarter, then the fraction, which is taken from the nearest quarter.
    let f0 = (p0 << U(2u)) | (p1 >> U(62u));
    let f1 = (p1 << U(2u)) | (p2 >> U(62u));
    let up = f0 >> U(63u);
    let flip = W(0lu) - up;
    let g0 = f0 ^ flip;
    let g1 = f1 ^ flip;
    let low = W(0xfffffffflu);
    let first = D(g0 >> U(32u)) * D(2.3283064365386963e-10lf);
    let second = D(g0 & low) * D(5.421010862427522e-20lf);
    let third = D(g1 >> U(32u)) * D(1.262177448353619e-29lf) + D(g1 & low) * D(2.938735877055719e-39lf);
    let head = quick_sum_f64(first, second);
    let fraction = quick_sum_f64(head.high, head.low + third);
    let r = pair_product_f64(fraction, Pair(D(1.5707963267948966lf), D(6.123233995736766e-17lf)));
    let quarter = bitcast<L>((p0 >> U(62u)) + up);
    let minus = is_negative_f64(x);
    let below = minus != (up == W(1lu));
    return Angle(select(r.high, -r.high, below), select(r.low, -r.low, below), select(quarter, -quarter, minus));
}

// Of smaller ones: pi / 2 in parts of 33 bits, whose multiples are exact.
fn near_angle_f64(x: D) -> Angle {
    let shifted = shifted_f64(x * D(0.6366197723675814lf));
    let n = whole_f64(shifted);
    let a = sum_f64(x - n * D(1.5707963267341256lf), -(n * D(6.077100506303966e-11lf)));
    let b = sum_f64(a.high, -(n * D(2.0222662487111665e-21lf)));
    let r = quick_sum_f64(b.high, b.low + (a.low - n * D(8.4784276603689e-32lf)));
    return Angle(r.high, r.low, whole_i64(shifted));
}

fn angle_f64(x: D) -> Angle {
    let far = abs_f64(x) >= D(1048576.0);
    let near = near_angle_f64(select(x, D(0.0), far));
    var high = near.high;
    var low = near.low;
    var quarter = near.quarter;
    if any(far) {
        let other = far_angle_f64(x);
        high = select(high, other.high, far);
        low = select(low, other.low, far);
        quarter = select(quarter, other.quarter, far);
    }
    return Angle(high, low, quarter);
}

fn sin_near_f64(r: D, low: D) -> D {
    let z = r * r;
    return r + (r * z * ((((((D(-7.586584848459799e-13lf) * z + D(1.605852971266686e-10lf)) * z
        + D(-2.5052106220409384e-08lf)) * z + D(2.7557319219304477e-06lf)) * z + D(-0.0001984126984126502lf)) * z
        + D(0.008333333333333331lf)) * z + D(-0.16666666666666666lf)) + low * (D(1.0) - D(0.5) * z));
}

fn cos_near_f64(r: D, low: D) -> D {
    let z = r * r;
    let h = z * D(0.5);
    let first = opaque_f64(D(1.0) - h);
    return first + (((D(1.0) - first) - h) + (z * z * ((((((D(4.745809482337876e-14lf) * z
        + D(-1.1470459827734685e-11lf)) * z + D(2.0876755784387464e-09lf)) * z + D(-2.755731922138354e-07lf)) * z
        + D(2.480158730158462e-05lf)) * z + D(-0.0013888888888888887lf)) * z + D(0.041666666666666664lf)) - r * low));
}

// NaN of infinity and NaN, else what was computed.
fn angle_special_f64(x: D, y: D) -> D {
    return select(y, constant_f64(0x7ff8000000000000lu), is_inf_f64(x) | is_nan_f64(x));
}

fn sin_f64(x: D) -> D {
    let r = angle_f64(x);
    let odd = (r.quarter & L(1li)) == L(1li);
    let y = select(sin_near_f64(r.high, r.low), cos_near_f64(r.high, r.low), odd);
    let signed = select(y, -y, (r.quarter & L(2li)) == L(2li));
    return select(angle_special_f64(x, signed), x, x == D(0.0));
}

fn cos_f64(x: D) -> D {
    let r = angle_f64(x);
    let odd = (r.quarter & L(1li)) == L(1li);
    let y = select(cos_near_f64(r.high, r.low), sin_near_f64(r.high, r.low), odd);
    return angle_special_f64(x, select(y, -y, ((r.quarter + L(1li)) & L(2li)) == L(2li)));
}

fn tan_f64(x: D) -> D {
    let r = angle_f64(x);
    let s = sin_near_f64(r.high, r.low);
    let c = cos_near_f64(r.high, r.low);
    let odd = (r.quarter & L(1li)) == L(1li);
    let y = select(s, -c, odd) / select(c, s, odd);
    return select(angle_special_f64(x, y), x, x == D(0.0));
}

// asin(x) / x - 1 by z = x^2, for |x| <= 1/2.
fn asin_tail_f64(z: D) -> D {
    return z * (((((((((((((D(0.02961201126495512lf) * z + D(-0.01924167174674304lf)) * z + D(0.019554513336123378lf)) * z
        + D(0.0030448799094556773lf)) * z + D(0.009319560794767446lf)) * z + D(0.009621842970100282lf)) * z
        + D(0.011566459612121669lf)) * z + D(0.01396378001220357lf)) * z + D(0.017352816540325496lf)) * z
        + D(0.02237215744350722lf)) * z + D(0.03038194447553234lf)) * z + D(0.044642857142551895lf)) * z
        + D(0.07500000000000118lf)) * z + D(0.16666666666666666lf));
}

fn asin_f64(x: D) -> D {
    let a = abs_f64(x);
    let near = x + x * asin_tail_f64(x * x);
    let w = (D(1.0) - a) * D(0.5);
    let s = sqrt(w);
    let far = D(1.5707963267948966lf) - (D(2.0) * (s + s * asin_tail_f64(w)) - D(6.123233995736766e-17lf));
    return select(copysign_f64(abs_f64(far), x), near, a <= D(0.5));
}

fn acos_f64(x: D) -> D {
    let a = abs_f64(x);
    let near = D(1.5707963267948966lf) - (x - (D(6.123233995736766e-17lf) - x * asin_tail_f64(x * x)));
    let w = (D(1.0) - a) * D(0.5);
    let s = sqrt(w);
    let tail = s * asin_tail_f64(w);
    let above = D(2.0) * (s + tail);
    let below = D(3.141592653589793lf) - D(2.0) * (s + (tail - D(6.123233995736766e-17lf)));
    return select(select(above, below, x < D(0.0)), near, a <= D(0.5));
}

// Up to tan(pi / 8) by the polynomial; beyond, pi / 4 and pi / 2 are taken off.
fn positive_atan_f64(a: D) -> D {
    let middle = a > D(0.4142135623730950lf);
    let far = a > D(2.414213562373095lf);
    let t = select(select(a, a - D(1.0), middle), D(-1.0), far) / select(select(D(1.0), a + D(1.0), middle), a, far);
    let z = t * t;
    let high = select(select(D(0.0), D(0.7853981633974483lf), middle), D(1.5707963267948966lf), far);
    let low = select(select(D(0.0), D(3.061616997868383e-17lf), middle), D(6.123233995736766e-17lf), far);
    return high + (t + (t * z * (((((((((((D(0.016279546458951567lf) * z + D(-0.03456495684189155lf)) * z
        + D(0.04551375225747564lf)) * z + D(-0.0523040647016232lf)) * z + D(0.058789225062371914lf)) * z
        + D(-0.06666424321026253lf)) * z + D(0.07692296343583897lf)) * z + D(-0.09090908752412959lf)) * z
        + D(0.1111111110513358lf)) * z + D(-0.14285714285659604lf)) * z + D(0.19999999999999804lf)) * z
        + D(-0.3333333333333333lf)) + low));
}

fn atan_f64(x: D) -> D {
    return select(copysign_f64(positive_atan_f64(abs_f64(x)), x), x, is_nan_f64(x) | (x == D(0.0)));
}

fn atan2_f64(y: D, x: D) -> D {
    let ay = abs_f64(y);
    let ax = abs_f64(x);
    let both = is_inf_f64(ay) & is_inf_f64(ax);
    let large = select(ax, ay, ay > ax);
    let small = select(ay, ax, ay > ax);
    let near = positive_atan_f64(select(select(small / large, D(0.0), large == D(0.0)), D(1.0), both));
    let first = select(near, D(1.5707963267948966lf) - (near - D(6.123233995736766e-17lf)), ay > ax);
    let angle = select(first, D(3.141592653589793lf) - (first - D(1.2246467991473532e-16lf)), is_negative_f64(x));
    return select(select(copysign_f64(angle, y), x, is_nan_f64(x)), y, is_nan_f64(y));
}
