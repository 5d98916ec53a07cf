//! The main job by clients that Google's tools make from the protos, in Python: nothing of ours at their side.

use std::path::Path;

use crate::support::dev::suite;
use crate::support::tools::{PYTHON, prepared, program, run_well};

#[test]
fn the_main_job_works_with_clients_generated_in_python() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = program(prepared(PYTHON));
    command.arg(here.join("clients/scenario.py")).arg(here.join("../proto")).arg(suite().dev_file());
    if let Some(deployment) = suite().deployment() {
        // Each service at its own address, over TLS where the deployment has it.
        for service in ["policy", "mfa-devices", "token-issuer", "waas-gateway"] {
            let endpoint = deployment.public_endpoint(service);
            command.arg("--endpoint").arg(format!("{}={endpoint}", service.replace('-', "_")));
        }
        if let Some(authority) = deployment.authority() {
            command.arg("--ca").arg(authority);
        }
    }
    let told = run_well(command);
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), 8, "{told}");
}
