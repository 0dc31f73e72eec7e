// What scans combine, four neighbouring lines at a time: V is a vec4 of the elements. A state stands for a run of
// elements; `join` takes the earlier run first. A kernel takes the part of its op.

// op: sum
// With what the roundings lost, which is kept apart.
struct S { high: V, low: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x, V(0)); }
fn join(a: S, b: S) -> S {
    let sum = a.high + b.high;
    let from_b = opaque(sum) - a.high;
    let lost = (a.high - opaque(sum - from_b)) + (b.high - from_b);
    return S(sum, a.low + b.low + lost);
}
fn result(s: S) -> V { return select(s.high + s.low, s.high, is_special(s.high)); }

// op: plain_sum
struct S { sum: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x); }
fn join(a: S, b: S) -> S { return S(a.sum + b.sum); }
fn result(s: S) -> V { return s.sum; }

// op: product
struct S { product: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x); }
fn join(a: S, b: S) -> S { return S(a.product * b.product); }
fn result(s: S) -> V { return s.product; }

// op: linear
// The map from the result before the run to the one at its end.
struct S { factor: V, summand: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x, z); }
fn join(a: S, b: S) -> S { return S(a.factor * b.factor, b.factor * a.summand + b.summand); }
fn result(s: S) -> V { return s.summand; }

// op: position
struct S { best: V, at: vec4<i32> }
fn lift(x: V, z: V, at: i32) -> S { return S(x, vec4<i32>(at)); }
fn join(a: S, b: S) -> S {
    let later = is_better(b.best, a.best);
    return S(select(a.best, b.best, later), select(a.at, b.at, later));
}
fn result(s: S) -> P { return P(s.at); }

// op: logarithm
// The largest element, and the sum of the powers of e relative to it. Infinities have no difference.
struct S { largest: V, sum: V }
fn lift(x: V, z: V, at: i32) -> S { return S(x, V(1)); }
fn power(x: V, largest: V) -> V { return select(exp_of(x - largest), V(1), x == largest); }
fn join(a: S, b: S) -> S {
    let largest = select(a.largest, b.largest, !(b.largest <= a.largest));
    return S(largest, a.sum * power(a.largest, largest) + b.sum * power(b.largest, largest));
}
fn result(s: S) -> V { return s.largest + log_of(s.sum); }
