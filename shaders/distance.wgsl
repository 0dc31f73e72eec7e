// How distance matrices take in one coordinate: `acc` and a row's coordinate `a` with a column's `b`.

fn add_sq_l2_f32(acc: F, a: F, b: F) -> F {
    let d = a - b;
    return acc + d * d;
}

fn add_l1_f32(acc: F, a: F, b: F) -> F {
    return acc + abs(a - b);
}

fn add_lp_f32(acc: F, a: F, b: F, p: f32) -> F {
    return acc + exp2_f32(log2_f32(abs(a - b)) * p);
}

// Numbers that are not negative have the order of their bits, with NaN on top.
fn keep_chebyshev_f32(acc: F, a: F, b: F) -> F {
    return bitcast<F>(max(bitcast<U>(acc), bitcast<U>(a - b) & U(0x7fffffffu)));
}

fn add_hamming_f32(acc: F, a: F, b: F) -> F {
    let d = abs(a - b);
    return acc + select(d, F(1.0), d > F(0.0));
}

fn add_sq_l2_f64(acc: D, a: D, b: D) -> D {
    let d = a - b;
    return acc + d * d;
}

fn add_l1_f64(acc: D, a: D, b: D) -> D {
    return acc + abs_f64(a - b);
}

fn add_lp_f64(acc: D, a: D, b: D, p: f64) -> D {
    return acc + exp2_f64(log2_f64(abs_f64(a - b)) * p);
}

fn keep_chebyshev_f64(acc: D, a: D, b: D) -> D {
    return maximum_f64(acc, abs_f64(a - b));
}

fn add_hamming_f64(acc: D, a: D, b: D) -> D {
    let d = abs_f64(a - b);
    return acc + select(d, D(1.0), d > D(0.0));
}

// What a difference to another row contributes to the gradient.

fn l2_grad_f32(d: F) -> F {
    return d;
}

fn l1_grad_f32(d: F) -> F {
    return select(select(d, F(-1.0), d < F(0.0)), F(1.0), d > F(0.0));
}

fn lp_grad_f32(d: F, p: f32) -> F {
    let y = exp2_f32(log2_f32(abs(d)) * p);
    return select(select(y, -y, d < F(0.0)), F(0.0), d == F(0.0));
}

fn l2_grad_f64(d: D) -> D {
    return d;
}

fn l1_grad_f64(d: D) -> D {
    return select(select(d, D(-1.0), d < D(0.0)), D(1.0), d > D(0.0));
}

fn lp_grad_f64(d: D, p: f64) -> D {
    let y = exp2_f64(log2_f64(abs_f64(d)) * p);
    return select(select(y, -y, d < D(0.0)), D(0.0), d == D(0.0));
}
