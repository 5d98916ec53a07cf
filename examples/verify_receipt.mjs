#!/usr/bin/env node
// Verifies a receipt offline: steps 2 and 3 of "To act on a receipt" in docs/tokens.md.
//
//     verify_receipt.mjs JWKS_FILE EXPECTED_FILE < RECEIPT
//
// Prints the claims of a good receipt; of any other it says why, and ends with 1. EXPECTED_FILE is a JSON object: `iss`,
// `aud`, and what you are about to do, worked out by yourself: `environment_id`, `sub`, `operation_id`, `digest`, `action`,
// and for an operation on a wallet `wallet` and `share_generation`. Needs the package jose.

import { readFileSync } from 'node:fs'
import { createLocalJWKSet, jwtVerify } from 'jose'

const LIFE = 60, LEEWAY = 5
const text = (value) => typeof value === 'string', number = Number.isSafeInteger
const uuid = (value) =>
  text(value) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value) && /[1-9a-f]/.test(value)
const REQUIRED = { iss: text, aud: text, sub: uuid, environment_id: uuid, sid: text, jti: uuid, iat: number, exp: number,
  operation_id: uuid, digest: text, action: text, policy_version: number }
const OPTIONAL = { wallet: uuid, share_generation: number, paid_by: uuid, acr: text, auth_time: number,
  amr: (value) => Array.isArray(value) && value.every(text) }
const BOUND = ['iss', 'aud', 'sub', 'environment_id', 'operation_id', 'digest', 'action', 'wallet', 'share_generation']

function require(condition, why) {
  if (!condition) throw new Error(why)
}

function members(octets) {
  const object = JSON.parse(octets.toString('utf8'))
  // Of repeated members JSON.parse keeps the last, so that what was read is not what the issuer wrote.
  require(Buffer.from(JSON.stringify(object)).equals(octets), 'JSON that the issuer does not write')
  return object
}

export async function verify(receipt, jwks, expected) {
  const parts = receipt.split('.').map((part) => Buffer.from(part, 'base64url'))
  require(receipt.length <= 16384 && parts.length === 3, 'not a JWT')
  require(parts.map((octets) => octets.toString('base64url')).join('.') === receipt, 'not canonical base64url')
  const header = members(parts[0]), claims = members(parts[1])
  require(Object.keys(header).sort().join() === 'alg,kid,typ' && header.typ === 'receipt+jwt', 'the header is another')
  require(jwks.keys.filter((key) => key.kid === header.kid).length === 1, 'not one key of this name')
  await jwtVerify(receipt, createLocalJWKSet(jwks), { algorithms: ['ES256', 'EdDSA', 'RS256'], issuer: expected.iss,
    audience: expected.aud, clockTolerance: LEEWAY, maxTokenAge: LIFE })
  for (const [name, right] of Object.entries(REQUIRED)) require(right(claims[name]), `${name} is missing or wrong`)
  for (const [name, right] of Object.entries(OPTIONAL)) require(!(name in claims) || right(claims[name]), `${name} is wrong`)
  require(claims.exp - claims.iat <= LIFE, 'it lives too long')
  require((claims.auth_time ?? 0) <= Date.now() / 1000 + LEEWAY, 'it was proved in the future')
  for (const name of BOUND) require(claims[name] === expected[name], `${name} is not that of what is to be done`)
  return claims
}

if (import.meta.filename === process.argv[1]) {
  const [jwks, expected] = process.argv.slice(2, 4).map((path) => JSON.parse(readFileSync(path, 'utf8')))
  try {
    console.log(JSON.stringify(await verify(readFileSync(0, 'utf8').trim(), jwks, expected)))
  } catch (refusal) { // whatever goes wrong, it is not accepted
    console.error(`refused: ${refusal.message}`)
    process.exit(1)
  }
}
