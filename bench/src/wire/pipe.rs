//! The other end of a connection, in memory: an endless stream to read and a sink to write to.

use std::{
    future::Future,
    hint::black_box,
    io::{self, IoSlice, Read, Write},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use tokio::io::ReadBuf;

/// Reads go round a ring of frames; writes are taken at once and forgotten, or kept if they are to be checked.
///
/// A read gives at most as many bytes as the kernel would have for it: the `chunk` that suits the reader best. Reading
/// copies, as it does from a kernel; writing does not, as what the kernel does with the bytes is the same for everyone.
/// It copies in short blocks: some processors copy long stretches many times slower where the addresses lie unhappily, and
/// who is hit by that would be chance.
pub(crate) struct Pipe {
    ring: Arc<[u8]>,
    position: usize,
    chunk: usize,
    kept: Option<Kept>,
}

/// What was written.
pub(crate) type Kept = Arc<Mutex<Vec<u8>>>;

impl Pipe {
    /// Gives these bytes again and again, at most `chunk` a read.
    pub(crate) fn reading(ring: &Arc<[u8]>, chunk: usize) -> Self {
        Self { ring: Arc::clone(ring), position: 0, chunk, kept: None }
    }

    /// Takes what is written, has nothing to read.
    pub(crate) fn writing(kept: Option<Kept>) -> Self {
        Self { ring: [].into(), position: 0, chunk: 0, kept }
    }

    /// Copies the next bytes to where `append` puts them, block by block, at most `most` of them; how many.
    #[inline]
    pub(crate) fn append(&mut self, most: usize, append: impl FnMut(&[u8])) -> usize {
        let chunk = self.next_chunk(most);
        chunk.chunks(BLOCK).for_each(append);
        chunk.len()
    }

    /// The next bytes, at most `most` of them.
    #[inline]
    fn next_chunk(&mut self, most: usize) -> &[u8] {
        let rest = &self.ring[self.position..];
        let taken = rest.len().min(self.chunk).min(most);
        self.position += taken;
        if self.position == self.ring.len() {
            self.position = 0;
        }
        &rest[..taken]
    }

    /// Copies the next bytes; how many.
    #[inline]
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let chunk = self.next_chunk(buffer.len());
        copy(chunk, buffer);
        chunk.len()
    }

    /// Copies the next bytes to `first`, and what is left of one read to `second`, as `readv` does; how many to each.
    #[inline]
    pub(crate) fn fill_both(&mut self, first: &mut [u8], second: &mut [u8]) -> (usize, usize) {
        let chunk = self.next_chunk(first.len() + second.len());
        let (to_first, to_second) = chunk.split_at(chunk.len().min(first.len()));
        copy(to_first, first);
        copy(to_second, second);
        (to_first.len(), to_second.len())
    }

    /// Takes these bytes.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        black_box(bytes);
        if let Some(kept) = &self.kept {
            kept.lock().expect("nobody panics with it").extend_from_slice(bytes);
        }
        bytes.len()
    }

    #[inline]
    fn take_all(&mut self, slices: &[IoSlice<'_>]) -> usize {
        slices.iter().map(|slice| self.take(slice)).sum()
    }
}

impl Read for Pipe {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(buffer))
    }
}

impl Write for Pipe {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.take(bytes))
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.take_all(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Pipe {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().append(buffer.remaining(), |block| buffer.put_slice(block));
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Pipe {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().take(bytes)))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().take_all(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_util::AsyncRead for Pipe {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().fill(buffer)))
    }
}

impl futures_util::AsyncWrite for Pipe {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().take(bytes)))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().take_all(slices)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// To the front of `buffer`, which is not shorter.
#[inline]
pub(crate) fn copy(bytes: &[u8], buffer: &mut [u8]) {
    for (buffer, bytes) in buffer.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK)) {
        buffer[..bytes.len()].copy_from_slice(bytes);
    }
}

/// How much is copied at once.
const BLOCK: usize = 2 * 1024;

/// Runs a future over pipes to its end: they are always ready, so nothing has to wake it.
#[inline]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
