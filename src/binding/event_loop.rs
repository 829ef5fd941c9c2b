//! A watch in Node's event loop: libuv polls its descriptor and calls JavaScript while there is something to take.

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::{Arc, OnceLock};

use libloading::os::unix::Library;
use napi::JsValue;
use napi::bindgen_prelude::{Env, Function};
use napi::sys;

use crate::watch::Watch;

/// A `uv_loop_t` or a `uv_poll_t`: libuv's to look into.
type Opaque = *mut c_void;

/// What is used of libuv, with the types of uv.h. Node exports it to addons. It is looked up at run time because the addon has to
/// load in programs without it.
struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    get_data: unsafe extern "C" fn(Opaque) -> Opaque,
    set_data: unsafe extern "C" fn(Opaque, Opaque),
    poll_init: unsafe extern "C" fn(Opaque, Opaque, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Opaque, c_int, OnEvents) -> c_int,
    unref: unsafe extern "C" fn(Opaque),
    close: unsafe extern "C" fn(Opaque, OnClosed),
}

type OnEvents = unsafe extern "C" fn(Opaque, c_int, c_int);
type OnClosed = unsafe extern "C" fn(Opaque);

// Numbers of uv.h, the same in every libuv since 1.0.
const UV_POLL: c_int = 8;
const UV_READABLE: c_int = 1;

fn uv() -> Option<&'static Uv> {
    static UV: OnceLock<Option<Uv>> = OnceLock::new();
    UV.get_or_init(|| {
        // SAFETY: each field has the type that uv.h gives to the function of that name.
        unsafe {
            Some(Uv {
                handle_size: function(c"uv_handle_size")?,
                get_data: function(c"uv_handle_get_data")?,
                set_data: function(c"uv_handle_set_data")?,
                poll_init: function(c"uv_poll_init")?,
                poll_start: function(c"uv_poll_start")?,
                unref: function(c"uv_unref")?,
                close: function(c"uv_close")?,
            })
        }
    })
    .as_ref()
}

/// A function of the program that loaded us, which is never unloaded.
///
/// # Safety
///
/// `F` has to be its type.
unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
    // SAFETY: as the caller of this function has it.
    unsafe {
        Library::this()
            .get::<F>(name.to_bytes_with_nul())
            .ok()
            .map(|found| *found)
    }
}

/// What belongs to a `uv_poll_t`, as its data. libuv has the address of `handle` until it has called [`closed`].
struct Polling {
    uv: &'static Uv,
    /// The memory of the `uv_poll_t`, aligned for whatever is in it.
    handle: Box<[u128]>,
    env: sys::napi_env,
    /// What is called.
    drain: sys::napi_ref,
    /// What the environment waits for when it ends.
    cleanup: sys::napi_async_cleanup_hook_handle,
    /// Open as long as it is polled.
    watch: Arc<Watch>,
}

/// A watch for the connections of `env`; `drain` is called while there is something to take. `None` where there is no event loop
/// of libuv's, or it takes no more: the runtime waits for what comes in then.
pub fn watch(env: &Env, drain: &Function<(), ()>) -> Option<Arc<Watch>> {
    let uv = uv()?;
    let event_loop = env.get_uv_event_loop().ok()?;
    let watch = Arc::new(Watch::new().ok()?);
    // SAFETY: 8 is a type of handle.
    let size = unsafe { (uv.handle_size)(UV_POLL) };
    let mut polling = Box::new(Polling {
        uv,
        handle: vec![0; size.div_ceil(size_of::<u128>())].into_boxed_slice(),
        env: env.raw(),
        drain: ptr::null_mut(),
        cleanup: ptr::null_mut(),
        watch: watch.clone(),
    });
    let handle: Opaque = polling.handle.as_mut_ptr().cast();
    // SAFETY: this is the thread of the loop; the memory is as large as libuv wants it, and stays where it is: on failure
    // libuv forgets it, and otherwise `closed` frees it.
    if unsafe { (uv.poll_init)(event_loop.cast(), handle, polling.watch.as_raw_fd()) } != 0 {
        return None;
    }
    let polling = Box::into_raw(polling);
    // SAFETY: `polling` was allocated above, and nobody frees it before `closed`, which the loop calls after this function has
    // returned. `env` and `drain` belong to the call of JavaScript's that runs. The places for the results are in `polling`.
    unsafe {
        (uv.set_data)(handle, polling.cast());
        // What keeps the process alive is the doorbell.
        (uv.unref)(handle);
        let referenced = sys::napi_create_reference(env.raw(), drain.raw(), 1, &raw mut (*polling).drain);
        let hooked = referenced == sys::Status::napi_ok
            && sys::napi_add_async_cleanup_hook(env.raw(), Some(close), polling.cast(), &raw mut (*polling).cleanup)
                == sys::Status::napi_ok;
        if hooked && (uv.poll_start)(handle, UV_READABLE, ring) == 0 {
            Some(watch)
        } else {
            (uv.close)(handle, closed);
            None
        }
    }
}

/// There is something to take.
unsafe extern "C" fn ring(handle: Opaque, _status: c_int, _events: c_int) {
    let Some(uv) = uv() else { return };
    // SAFETY: `watch` made a `Polling` the handle's data, which stays until the handle is closed, and so does its environment. No
    // scope is open in a callback of libuv's; the one opened here is closed by the end. After the call nothing of `Polling`
    // is used, since JavaScript may have ended the environment.
    unsafe {
        let &Polling { env, drain, .. } = &*(uv.get_data)(handle).cast::<Polling>();
        let mut scope = ptr::null_mut();
        if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
            return;
        }
        let (mut function, mut global, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        sys::napi_get_reference_value(env, drain, &mut function);
        sys::napi_get_global(env, &mut global);
        let status = sys::napi_make_callback(env, ptr::null_mut(), global, function, 0, ptr::null(), &mut result);
        // A worker that is being terminated refuses the call as well, without an exception.
        let mut thrown = false;
        sys::napi_is_exception_pending(env, &mut thrown);
        if status == sys::Status::napi_pending_exception && thrown {
            let mut error = ptr::null_mut();
            sys::napi_get_and_clear_last_exception(env, &mut error);
            sys::napi_fatal_exception(env, error);
        }
        sys::napi_close_handle_scope(env, scope);
    }
}

/// The environment ends. It waits until its hook is removed: with a handle left, a worker's loop aborts the process.
unsafe extern "C" fn close(_hook: sys::napi_async_cleanup_hook_handle, polling: *mut c_void) {
    let polling = polling.cast::<Polling>();
    // SAFETY: `watch` gave this pointer, and `closed` is called by the loop once, after this function has returned.
    unsafe {
        let handle = (*polling).handle.as_mut_ptr().cast();
        ((*polling).uv.close)(handle, closed);
    }
}

/// libuv has forgotten the handle.
unsafe extern "C" fn closed(handle: Opaque) {
    let Some(uv) = uv() else { return };
    // SAFETY: `watch` made this the handle's data by `Box::into_raw`, and a handle is closed once. The environment waits for its
    // hook to be removed, so it is still there; without a hook, `watch` has failed just now.
    unsafe {
        let polling = Box::from_raw((uv.get_data)(handle).cast::<Polling>());
        if !polling.drain.is_null() {
            sys::napi_delete_reference(polling.env, polling.drain);
        }
        if !polling.cleanup.is_null() {
            sys::napi_remove_async_cleanup_hook(polling.cleanup);
        }
    }
}
