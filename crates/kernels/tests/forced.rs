//! `VICINAL_ISA` decides which kernels run, in a process of its own for each value.
//!
//! The choice is made once per process, so this program (without the usual harness) starts itself
//! again for each value and reads what that process reports.

use std::process::Command;

use vicinal_kernels::{Code, Form, Isa, available, batch, batch_for, isa, isa_error};

const CHILD: &str = "report-what-is-used";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(CHILD) {
        report();
        return;
    }
    let best = available().last().expect("scalar is always there").as_str();
    for isa in available() {
        assert_eq!(report_under(isa.as_str()), format!("{isa} none"), "VICINAL_ISA={isa}");
    }
    assert_eq!(report_under(""), format!("{best} none"), "an empty value forces nothing");
    for wrong in Isa::ALL.iter().filter(|isa| !available().contains(isa)).map(|isa| isa.as_str()) {
        assert_eq!(report_under(wrong), format!("{best} is not available"), "VICINAL_ISA={wrong}");
    }
    assert_eq!(report_under("AVX"), format!("{best} is unknown"), "VICINAL_ISA=AVX");
    println!("VICINAL_ISA: every value does what it says");
}

/// Prints the set in use, having run a kernel of it, and what is wrong with the variable.
fn report() {
    for (form, code) in
        [(Form::SqL2, Code::F32), (Form::Dot, Code::Bf16), (Form::SqL2, Code::U8), (Form::Hamming, Code::Bits)]
    {
        let kernel = batch(form, code);
        let forced = batch_for(isa(), form, code).expect("the set in use has every kernel");
        assert_eq!(kernel as usize, forced as usize, "{form:?} {code:?} is of another set");
        let (zeros, mut out) = ([0u8; 256], [f32::NAN; 3]);
        // SAFETY: a query and rows of 64 components of at most four bytes, three results.
        unsafe { kernel(zeros.as_ptr(), [zeros.as_ptr(); 3].as_ptr(), 3, 64, out.as_mut_ptr()) };
        assert_eq!(out, [0.0; 3], "{form:?} {code:?}");
    }
    let error = isa_error().unwrap_or("none");
    let known = ["is not available", "is unknown"].into_iter().find(|part| error.contains(part));
    println!("{} {}", isa(), known.unwrap_or(error));
}

fn report_under(value: &str) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).arg(CHILD).env("VICINAL_ISA", value).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}
