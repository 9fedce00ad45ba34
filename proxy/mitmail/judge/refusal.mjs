// What Node's TLS says of a connection before the mail libraries put it in words of their own.
import tls from "node:tls";

const connect = tls.connect;
let refused = null;

tls.connect = (...args) => {
  const socket = connect(...args);
  socket.once("error", (error) => {
    const handshake = /^(ERR_SSL_|ERR_TLS_|EPROTO)/.test(error.code) && !/unexpected eof/i.test(error.message);
    if (socket.authorizationError || handshake) refused = error.message;
  });
  return socket;
};

// The answer to an error; starttls says whether it means that STARTTLS is missing or refused.
export function answer(error, starttls) {
  if (refused !== null) return { verdict: "reject", words: refused };
  const words = `${error.code}: ${error.message}`;
  return starttls ? { verdict: "reject", reason: "starttls", words } : { verdict: "error", words };
}

export function leave(said) {
  console.log(JSON.stringify(said));
  process.exit({ accept: 0, reject: 1 }[said.verdict] ?? 3);
}
