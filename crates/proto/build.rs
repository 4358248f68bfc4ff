//! Compiles the contract in Rust: nobody needs protoc.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 14] = [
    "countersign/access/v1/access_service.proto",
    "countersign/access/v1/invitation_service.proto",
    "countersign/access/v1/permission_service.proto",
    "countersign/access/v1/role_service.proto",
    "countersign/approval/v1/approval_service.proto",
    "countersign/approval/v1/history_service.proto",
    "countersign/approval/v1/lifecycle_service.proto",
    "countersign/approval/v1/policy_service.proto",
    "countersign/approval/v1/resource_service.proto",
    "countersign/approval/v1/review_service.proto",
    "countersign/event/v1/event.proto",
    "countersign/inbox/v1/inbox_service.proto",
    "countersign/type/v1/error_reason.proto",
    "countersign/type/v1/types.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new([&root])?;
    // Comments travel in the descriptor set, so that reflection clients can show them.
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;
    let set = compiler.file_descriptor_set();
    fs::write(out.join("descriptors.bin"), set.encode_to_vec())?;
    let mut config = prost_build::Config::new();
    config.enable_type_names();
    // In order: a message is digested to tell whether a repeated call asks for the same (REQ-18).
    config.btree_map(["."]);
    tonic_prost_build::configure().codec_path("crate::codec::Codec").compile_fds_with_config(set, config)?;
    Ok(())
}
