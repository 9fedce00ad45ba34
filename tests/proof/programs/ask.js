// Node's tls module asks the targets of its standard input.
'use strict'
const fs = require('fs')
const tls = require('tls')
const net = require('net')

function tell (index, verdict, code, text) {
  const flat = part => String(part || '').split(/\s+/).join(' ')
  process.stdout.write([index, verdict, flat(code), flat(text)].join('\t') + '\n')
}

function ask (parts) {
  const [index, host, port, name, roots, , seconds] = parts
  return new Promise(resolve => {
    let heard = ''
    let connected = false
    let told = false
    const say = (verdict, code, text) => {
      if (told) return
      told = true
      tell(index, verdict, code, text)
      socket.destroy()
      resolve()
    }
    const plain = net.connect({ host, port: Number(port) })
    plain.on('connect', () => { connected = true })
    const socket = tls.connect({
      socket: plain,
      ca: fs.readFileSync(roots),
      ...(net.isIP(name) ? {} : { servername: name }),
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate)
    })
    plain.on('error', error => say(connected ? 'reject' : 'error', error.code, error.message))
    socket.on('error', error => say(connected ? 'reject' : 'error', error.code, error.message))
    socket.on('secureConnect', () => socket.write('a LOGOUT\r\n'))
    socket.on('data', octets => { heard += octets })
    socket.on('close', () => say(heard.includes('a OK') ? 'accept' : 'reject', '', ''))
    setTimeout(() => say('silent', '', ''), Number(seconds) * 1000).unref()
  })
}

async function main () {
  const lines = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)
  const next = async () => {
    for (let line = lines.shift(); line; line = lines.shift()) {
      const parts = line.split('\t')
      try {
        await ask(parts)
      } catch (error) {
        tell(parts[0], 'error', error.code, error.message)
      }
    }
  }
  await Promise.all([next(), next(), next(), next()])
}

main()
