// Functions of integers, for each of i32, u32, i64 and u64 in place of T; N is vec4<T>. Arithmetic wraps.

fn abs_T(x: N) -> N {
    return select(x, N(T(0)) - x, x < N(T(0)));
}

fn sign_T(x: N) -> N {
    let minus = N(T(0)) - N(T(1));
    let most = min(x, N(T(1)));
    return select(most, max(most, minus), minus < N(T(0)));
}

fn floor_T(x: N) -> N {
    return x;
}

fn ceil_T(x: N) -> N {
    return x;
}

fn round_T(x: N) -> N {
    return x;
}

fn trunc_T(x: N) -> N {
    return x;
}

fn relu_T(x: N) -> N {
    return max(x, N(T(0)));
}

fn maximum_T(a: N, b: N) -> N {
    return select(b, a, a > b);
}

fn minimum_T(a: N, b: N) -> N {
    return select(b, a, a < b);
}

// -1 of signed types; of unsigned ones the largest value, which no quotient needs to avoid.
fn quotient_T(a: N, b: N) -> N {
    let zero = b == N(T(0));
    let minus = (b == N(T(0)) - N(T(1))) & (N(T(0)) - N(T(1)) < N(T(0)));
    let q = a / select(b, N(T(1)), zero | minus);
    return select(select(q, N(T(0)) - a, minus), N(T(0)), zero);
}

fn floor_divide_T(a: N, b: N) -> N {
    let q = quotient_T(a, b);
    let inexact = (q * b != a) & (b != N(T(0)));
    return select(q, q - N(T(1)), inexact & ((a < N(T(0))) != (b < N(T(0)))));
}

fn remainder_T(a: N, b: N) -> N {
    return select(a - floor_divide_T(a, b) * b, N(T(0)), b == N(T(0)));
}

// To a negative power: 1 and -1 stay what they are (by parity), all else gives 0.
fn pow_T(a: N, b: N) -> N {
    let negative = b < N(T(0));
    let unit = (a == N(T(1))) | ((a + N(T(1)) == N(T(0))) & negative);
    var base = a;
    var left = select(b, b & N(T(1)), negative);
    var y = N(T(1));
    for (var i = 0; i < 64 && any(left != N(T(0))); i++) {
        y = select(y, y * base, (left & N(T(1))) != N(T(0)));
        base = base * base;
        left = left / N(T(2));
    }
    return select(y, N(T(0)), negative & !unit);
}
