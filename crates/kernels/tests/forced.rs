//! `VICINAL_ISA` decides which kernels run, in a process of its own for each value.
//!
//! The choice is made once per process, so the test starts this program again for each value, to
//! run nothing but `report`, and reads what that prints.

use std::process::Command;

use vicinal_kernels::{Code, Form, Isa, available, batch, batch_for, edges, isa, isa_error};

const MARK: &str = "in use: ";

#[test]
fn vicinal_isa_forces_each_set_and_a_wrong_value_is_told() {
    let best = available().last().expect("scalar is always there").as_str();
    for isa in available() {
        assert_eq!(report_under(isa.as_str()), format!("{isa} none"), "VICINAL_ISA={isa}");
    }
    assert_eq!(report_under(""), format!("{best} none"), "an empty value forces nothing");
    for missing in Isa::ALL.iter().filter(|isa| !available().contains(isa)).map(|isa| isa.as_str()) {
        assert_eq!(report_under(missing), format!("{best} is not available"), "VICINAL_ISA={missing}");
    }
    assert_eq!(report_under("AVX"), format!("{best} is unknown"), "VICINAL_ISA=AVX");
}

/// Prints the set in use, having run kernels of it, and what is wrong with the variable.
#[test]
#[ignore = "started by the other test, under each value of VICINAL_ISA"]
fn report() {
    let pairs = [(Form::SqL2, Code::F32), (Form::Dot, Code::Bf16), (Form::SqL2, Code::U8), (Form::Hamming, Code::Bits)];
    for (form, code) in pairs {
        let kernel = batch(form, code);
        let forced = batch_for(isa(), form, code).expect("the set in use has every kernel");
        assert_eq!(kernel as usize, forced as usize, "{form:?} {code:?} is of another set");
        let (zeros, mut out) = ([0u8; 256], [f32::NAN; 3]);
        // SAFETY: a query and rows of 64 components of at most four bytes, three results.
        unsafe { kernel(zeros.as_ptr(), [zeros.as_ptr(); 3].as_ptr(), 3, 64, out.as_mut_ptr()) };
        assert_eq!(out, [0.0; 3], "{form:?} {code:?}");
    }
    assert_eq!(edges::estimate() as usize, edges::estimate_for(isa()).unwrap() as usize, "edges are of another set");
    let error = isa_error().unwrap_or("none");
    let known = ["is not available", "is unknown"].into_iter().find(|part| error.contains(part));
    println!("\n{MARK}{} {}", isa(), known.unwrap_or(error));
}

fn report_under(value: &str) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["report", "--exact", "--ignored", "--nocapture"])
        .env("VICINAL_ISA", value)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix(MARK));
    line.unwrap_or_else(|| panic!("no report in: {text}")).to_owned()
}
