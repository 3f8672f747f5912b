//! fastwebsockets: it writes each frame at once, so a `BufWriter` of 64 KiB gathers the window's; the payload is copied into a
//! buffer that is used again, as it masks in place.

use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket};
use tokio::{io::BufWriter, net::TcpStream, runtime::Runtime};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes, dial_async},
    server::Server,
};

pub(crate) struct FastWebsockets {
    runtime: Runtime,
    socket: WebSocket<BufWriter<TcpStream>>,
    copy: Vec<u8>,
    load: Load,
}

impl Echo for FastWebsockets {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let (runtime, stream) = dial_async(server)?;
        let socket = WebSocket::after_handshake(BufWriter::with_capacity(64 * 1024, stream), Role::Client);
        Ok(Self { runtime, socket, copy: Vec::new(), load: load.clone() })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let Self { runtime, socket, copy, load } = self;
        runtime.block_on(async {
            for _ in 0..windows {
                notes.sending();
                for _ in 0..load.window {
                    copy.clear();
                    copy.extend_from_slice(&load.payload);
                    socket.write_frame(Frame::binary(Payload::BorrowedMut(copy))).await?;
                }
                socket.flush().await?;
                for _ in 0..load.window {
                    let frame = socket.read_frame().await?;
                    if frame.opcode != OpCode::Binary {
                        return Err("not what was sent".into());
                    }
                    notes.received(&frame.payload, load)?;
                }
            }
            Ok(())
        })
    }
}
