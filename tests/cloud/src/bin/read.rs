//! Reads an object with what the environment says of the store, and prints the sum of its bytes.
//!
//! A process of its own, because a test must not change the environment of the threads beside it.

use kiln::io::cloud::read_url;

fn main() {
    let url = std::env::args().nth(1).expect("usage: read URL");
    match read_url(&url) {
        Ok(bytes) => println!("{} bytes, sum {}", bytes.len(), bytes.iter().map(|&b| b as u64).sum::<u64>()),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
