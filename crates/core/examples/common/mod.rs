//! What examples that measure share.

use rustix::time::{ClockId, clock_gettime};

/// Seconds that this thread ran: on a busy machine steadier than those on the wall.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Rows of a C-ordered .npy of u8, f16 or f32 as f32, and their length.
pub fn read_npy(path: &str) -> (Vec<f32>, usize) {
    let bytes = std::fs::read(path).unwrap();
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + header_len]).unwrap();
    let data = &bytes[10 + header_len..];
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let dim = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let rows = if header.contains("u1") {
        data.iter().map(|&x| f32::from(x)).collect()
    } else if header.contains("f2") {
        data.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
    } else {
        data.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()
    };
    (rows, dim)
}
