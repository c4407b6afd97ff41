//! Tells the bench that limitador is there.

fn main() {
    println!("cargo:rustc-cfg=limitador");
    println!("cargo:rustc-check-cfg=cfg(limitador)");
}
