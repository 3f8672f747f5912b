//! The proxy's side of SOCKS5 (RFC 1928) and of its authentication by user and password (RFC 1929).

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr},
};

use socket2::Socket;

use super::{Asked, ProxyRequest, Rules, read_exact};

/// Hears the greeting, who it is, and what is wanted.
pub(super) fn ask(mut client: &Socket, rules: &Rules) -> io::Result<Asked> {
    let [version, methods] = read_exact::<2>(client)?;
    let offered = read_long(client, methods)?;
    if version != VERSION {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let method = if rules.credentials.is_some() { BY_PASSWORD } else { NO_AUTHENTICATION };
    if !offered.contains(&method) {
        return Ok(Asked::Refused(None, NO_METHOD));
    }
    client.write_all(&[VERSION, method])?;
    let mut credentials = None;
    if method == BY_PASSWORD {
        let [_version, length] = read_exact::<2>(client)?;
        let user = read_long(client, length)?;
        let [length] = read_exact::<1>(client)?;
        let password = read_long(client, length)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        credentials = Some((text(&user), text(&password)));
        let right = credentials == rules.credentials;
        client.write_all(&[1, u8::from(!right)])?;
        if !right {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    let [_version, command, _reserved, kind] = read_exact::<4>(client)?;
    let host = match kind {
        1 => Ipv4Addr::from(read_exact::<4>(client)?).to_string(),
        4 => Ipv6Addr::from(read_exact::<16>(client)?).to_string(),
        3 => {
            let [length] = read_exact::<1>(client)?;
            String::from_utf8_lossy(&read_long(client, length)?).into_owned()
        }
        _ => return Ok(Asked::Refused(None, ADDRESS_NOT_SUPPORTED)),
    };
    let port = u16::from_be_bytes(read_exact::<2>(client)?);
    let asked = ProxyRequest { host, port, by_name: kind == 3, credentials, head: String::new() };
    Ok(if command == 1 { Asked::Granted(asked) } else { Asked::Refused(Some(asked), COMMAND_NOT_SUPPORTED) })
}

/// An answer to a request. The address that the proxy uses is not told.
pub(super) fn reply(code: u8) -> [u8; 10] {
    [VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// The answer that refuses, of whichever stage it is.
pub(super) fn refusal(code: u16) -> Vec<u8> {
    match u8::try_from(code) {
        Ok(code) => reply(code).to_vec(),
        Err(_) => vec![VERSION, 0xff],
    }
}

fn read_long(mut client: &Socket, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const BY_PASSWORD: u8 = 2;
const COMMAND_NOT_SUPPORTED: u16 = 7;
const ADDRESS_NOT_SUPPORTED: u16 = 8;

/// No code of RFC 1928 §6: none of the methods offered will do (§3).
const NO_METHOD: u16 = 0x100;
