//! Sets `no_gpu` where the tests do without a GPU, so that those which need one are ignored rather than pass.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(no_gpu)");
    println!("cargo::rerun-if-env-changed=KILN_TEST_GPU");
    let is_off = std::env::var("KILN_TEST_GPU").is_ok_and(|value| value == "off");
    if is_off || std::env::var_os("CARGO_FEATURE_GPU").is_none() {
        println!("cargo::rustc-cfg=no_gpu");
    }
}
