#!/usr/bin/env node
// Recomputes every vector in operation-digest.json, and ends non-zero when one differs.
//
// A third implementation of docs/operation-digest.md, written from that page alone. Needs Node 18 or later and nothing
// else. The vectors may be another file: check_operation_digest.mjs FILE.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const DOMAIN = 'countersign/operation/v1'

const ACTIONS = {
  'wallet.create': 'wallet.waas.create',
  'sign.message': 'wallet.waas.sign',
  'wallet.export': 'wallet.waas.export',
  'credential.link': 'credential.link',
  'credential.unlink': 'credential.unlink',
}

const PRIME = 2n ** 255n - 19n
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

class Refused extends Error {
  name = 'Refused'
}

function require(condition, what) {
  if (!condition) throw new Refused(what)
}

function unsigned(number, octets) {
  const buffer = Buffer.alloc(octets)
  buffer.writeUIntBE(number, 0, octets)
  return buffer
}

const ascii = (text) => Buffer.from(text, 'ascii')
const octetString = (octets) => Buffer.concat([unsigned(octets.length, 4), octets])
const sha256 = (octets) => createHash('sha256').update(octets).digest()

function hex(text) {
  require(typeof text === 'string' && /^([0-9a-f]{2})*$/.test(text), 'not lower-case hexadecimal')
  return Buffer.from(text, 'hex')
}

function uuid(text) {
  const right = typeof text === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
  require(right && /[1-9a-f]/.test(text), `an id is nil or not in its canonical form: ${text}`)
  return hex(text.replaceAll('-', ''))
}

function oneOf(name, allowed) {
  require(allowed.includes(name), `unknown name: ${name}`)
  return ascii(name)
}

function messageForm(message) {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message)
    return 'text'
  } catch {
    const domain = Buffer.concat([Buffer.from([0xff]), ascii('solana offchain')])
    return message.subarray(0, domain.length).equals(domain) ? 'solana-offchain' : 'binary'
  }
}

function walletFields({ id, share_generation: generation }) {
  require(Number.isInteger(generation) && generation >= 1 && generation < 2 ** 32, 'the share generation is out of range')
  return [[0x0101, uuid(id)], [0x0102, unsigned(generation, 4)]]
}

function messageFields({ hex: text, times = 1 }) {
  const message = Buffer.concat(Array(times).fill(hex(text)))
  require(message.length >= 1 && message.length <= 65536, 'the message is empty or too long')
  return [
    [0x0201, message],
    [0x0401, ascii(messageForm(message))],
    [0x0402, unsigned(message.length, 4)],
    [0x0403, sha256(message)],
  ]
}

function recipientFields(text) {
  const key = hex(text)
  require(key.length === 32, "the recipient's key has not 32 octets")
  require(BigInt(`0x${Buffer.from(key).reverse().toString('hex')}`) < PRIME, "the recipient's key is not canonical")
  require(!SMALL_ORDER.includes(text), "the recipient's key has small order")
  return [[0x0301, key]]
}

function bodyFields(operation) {
  switch (operation.kind) {
    case 'wallet.create':
      return [[0x0103, oneOf(operation.key_type, ['ed25519'])]]
    case 'sign.message':
      return [...walletFields(operation.wallet), ...messageFields(operation.message)]
    case 'wallet.export':
      return [...walletFields(operation.wallet), ...recipientFields(operation.recipient_public_key)]
    case 'credential.link':
      return [[0x0104, oneOf(operation.factor, ['totp', 'passkey', 'recovery_code'])]]
    case 'credential.unlink':
      return [[0x0105, uuid(operation.device)]]
    default:
      throw new Refused(`unknown kind: ${operation.kind}`)
  }
}

function encode(operation) {
  const fields = [
    ...bodyFields(operation),
    [0x0001, ascii(operation.kind)],
    [0x0002, ascii(ACTIONS[operation.kind])],
    [0x0003, uuid(operation.environment)],
    [0x0004, uuid(operation.user)],
    [0x0005, uuid(operation.id)],
  ]
  fields.sort(([one], [other]) => one - other)
  const encoded = fields.flatMap(([tag, octets]) => [unsigned(tag, 2), octetString(octets)])
  return Buffer.concat([octetString(ascii(DOMAIN)), ...encoded])
}

function* differences({ operation, encoding: expected, digest: expectedDigest }) {
  let encoding
  try {
    encoding = encode(operation)
  } catch (refused) {
    // Anything but Refused: the vector has not the form that the page describes.
    yield `refused: ${refused}`
    return
  }
  if (expected === undefined) {
    if (encoding.length <= 4096) yield 'encoding is missing'
  } else if (encoding.toString('hex') !== expected) {
    yield `encoding is ${encoding.toString('hex')}`
  }
  const digest = sha256(encoding).toString('base64url')
  if (digest !== expectedDigest) yield `digest is ${digest}`
}

const path = process.argv[2] ?? new URL('operation-digest.json', import.meta.url)
const document = JSON.parse(readFileSync(path, 'utf8'))
if (document.domain !== DOMAIN) {
  console.error(`the vectors are for another version: ${document.domain}`)
  process.exit(1)
}
let wrong = 0
const missing = new Set(Object.keys(ACTIONS))
for (const vector of document.vectors) {
  missing.delete(vector.operation.kind)
  for (const difference of differences(vector)) {
    wrong += 1
    console.error(`${vector.description}: ${difference}`)
  }
}
for (const kind of missing) {
  wrong += 1
  console.error(`no vector for ${kind}`)
}
if (wrong > 0) {
  console.error(`${wrong} differences`)
  process.exit(1)
}
console.log(`${document.vectors.length} vectors of ${Object.keys(ACTIONS).length} kinds are right`)
