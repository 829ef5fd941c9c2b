//! Link settings of the Node-API library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_NODE").is_none() {
        return;
    }
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The runtime threads live as long as the process. When only worker threads loaded the addon, Node unmaps it
        // with the last of them, under the feet of those threads; `nodelete` keeps the code mapped.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
