//! Memory is handed out upwards and never taken back: what a call allocated ends with it.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};

const PAGE: usize = 65536;

struct Upwards;

#[global_allocator]
static ALLOCATOR: Upwards = Upwards;

extern "C" {
    static __heap_base: u8;
}
static mut TOP: usize = 0;

unsafe impl GlobalAlloc for Upwards {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if TOP == 0 {
            TOP = &__heap_base as *const u8 as usize;
        }
        let at = (TOP + layout.align() - 1) & !(layout.align() - 1);
        match at.checked_add(layout.size()) {
            Some(end) if reserve(end) => TOP = end,
            _ => return core::ptr::null_mut(),
        }
        at as *mut u8
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if at as usize + layout.size() == TOP {
            TOP = at as usize; // the last one: a vector that grew alone does not leave its former selves
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if at as usize + layout.size() == TOP {
            return match (at as usize).checked_add(size) {
                Some(end) if reserve(end) => {
                    TOP = end;
                    at
                }
                _ => core::ptr::null_mut(),
            };
        }
        let to = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !to.is_null() {
            core::ptr::copy_nonoverlapping(at, to, layout.size().min(size));
        }
        to
    }
}

fn reserve(end: usize) -> bool {
    let have = memory_size(0) * PAGE;
    end <= have || memory_grow(0, (end - have + PAGE - 1) / PAGE) != usize::MAX
}
