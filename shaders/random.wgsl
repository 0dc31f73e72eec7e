// Counter-based random numbers.

fn mul_high(a: u32, b: U) -> U {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & U(0xffffu);
    let bh = b >> U(16u);
    let middle = ah * bl + ((al * bl) >> U(16u));
    let low = al * bh + (middle & U(0xffffu));
    return ah * bh + (middle >> U(16u)) + (low >> U(16u));
}

// One word of Philox4x32-10 for four counters (c, 0, 0, 0).
fn philox(counter: U, low: u32, high: u32, word: u32) -> U {
    var a = counter;
    var b = U(0u);
    var c = U(0u);
    var d = U(0u);
    var key = vec2<u32>(low, high);
    for (var i = 0; i < 10; i++) {
        let h0 = mul_high(0xD2511F53u, a);
        let l0 = 0xD2511F53u * a;
        let h1 = mul_high(0xCD9E8D57u, c);
        let l1 = 0xCD9E8D57u * c;
        a = h1 ^ b ^ U(key.x);
        b = l1;
        c = h0 ^ d ^ U(key.y);
        d = l0;
        key += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return select(select(a, b, word == 1u), select(c, d, word == 3u), word >= 2u);
}
