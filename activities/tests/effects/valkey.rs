//! A real Valkey of one test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tools;

/// A server that ends with the value.
pub struct ValkeyServer {
    child: Child,
    address: SocketAddr,
}

impl ValkeyServer {
    /// Starts one on a free port and waits until it answers.
    pub fn start() -> Self {
        let address = free_address();
        let child = Command::new(tools::valkey_server())
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(address.port().to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("valkey-server starts");
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "valkey-server does not listen");
            std::thread::yield_now();
        }
        Self { child, address }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Sends a command and returns the answer: a text, or the line of any other kind.
    pub fn command(&self, words: &[&str]) -> String {
        use std::io::{BufRead, BufReader, Read, Write};
        let mut stream = TcpStream::connect(self.address).expect("valkey-server answers");
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(request.as_bytes()).expect("the command is sent");
        let mut answers = BufReader::new(stream);
        let mut line = String::new();
        answers.read_line(&mut line).expect("an answer comes");
        let line = line.trim_end();
        let Some(length) = line.strip_prefix('$').and_then(|length| length.parse().ok()) else {
            return line.to_owned();
        };
        let mut text = vec![0; length];
        answers.read_exact(&mut text).expect("the text comes");
        String::from_utf8(text).expect("the text is UTF-8")
    }

    /// Replaces the value of every key.
    pub fn spoil(&self, value: &str) {
        let script = "for _, key in ipairs(redis.call('KEYS', '*')) do \
                      redis.call('SET', key, ARGV[1]) end return 'OK'";
        assert_eq!(self.command(&["EVAL", script, "0", value]), "OK");
    }
}

impl Drop for ValkeyServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of the loopback interface where nobody listens.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address")
}
