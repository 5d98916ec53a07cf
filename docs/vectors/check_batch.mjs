#!/usr/bin/env node
// Recomputes every vector in batch.json, and ends non-zero when one differs.
//
// A third implementation of what docs/tokens.md says of batches, written from RFC 9162 section 2.1. Needs Node 18 or later
// and nothing else. The vectors may be another file: check_batch.mjs FILE.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const MAX_SIZE = 32

const text = (octets) => octets.toString('base64url')
const hash = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()
const leafHash = (digest) => hash(Buffer.from([0]), digest)
const nodeHash = (left, right) => hash(Buffer.from([1]), left, right)

function octets(written) {
  const value = Buffer.from(written, 'base64url')
  if (value.length !== 32 || text(value) !== written) throw new Error(`not 32 octets in base64url: ${written}`)
  return value
}

// The largest power of two that is smaller than count.
function split(count) {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

// RFC 9162 section 2.1.1.
function treeHash(digests) {
  if (digests.length === 1) return leafHash(digests[0])
  const k = split(digests.length)
  return nodeHash(treeHash(digests.slice(0, k)), treeHash(digests.slice(k)))
}

// RFC 9162 section 2.1.3.1.
function path(index, digests) {
  if (digests.length === 1) return []
  const k = split(digests.length), left = digests.slice(0, k), right = digests.slice(k)
  return index < k ? [...path(index, left), treeHash(right)] : [...path(index - k, right), treeHash(left)]
}

// RFC 9162 section 2.1.3.2.
function holds(root, size, digest, index, hashes) {
  const inRange = Number.isInteger(size) && Number.isInteger(index) && size >= 1 && size <= MAX_SIZE && index >= 0
  if (!inRange || index >= size) return false
  let fn = index, sn = size - 1, r = leafHash(digest)
  for (const p of hashes) {
    if (sn === 0) return false
    if (fn & 1 || fn === sn) {
      r = nodeHash(p, r)
      while (!(fn & 1) && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1]
    } else {
      r = nodeHash(r, p)
    }
    [fn, sn] = [fn >> 1, sn >> 1]
  }
  return sn === 0 && r.equals(root)
}

function* differences(vector) {
  const digests = vector.digests.map(octets)
  if (digests.length < 1 || digests.length > MAX_SIZE) {
    yield `no batch has ${digests.length} operations`
    return
  }
  const root = octets(vector.root)
  if (!treeHash(digests).equals(root)) yield `root is ${text(treeHash(digests))}`
  if (vector.leaves.length !== digests.length) yield `there are ${vector.leaves.length} leaves`
  for (const [index, leaf] of vector.leaves.slice(0, digests.length).entries()) {
    if (leaf.index !== index) yield `leaf ${index} says that it is leaf ${leaf.index}`
    const right = path(index, digests).map(text)
    if (right.join() !== leaf.path.join()) yield `the path of leaf ${index} is ${right}`
    if (!holds(root, digests.length, digests[index], index, leaf.path.map(octets))) yield `leaf ${index} is not held`
  }
}

const document = JSON.parse(readFileSync(process.argv[2] ?? new URL('batch.json', import.meta.url), 'utf8'))
let wrong = 0
for (const vector of document.batches) {
  for (const difference of differences(vector)) {
    wrong += 1
    console.error(`${vector.description}: ${difference}`)
  }
}
for (const { description, root, size, digest, index, path: hashes } of document.refused) {
  if (holds(octets(root), size, octets(digest), index, hashes.map(octets))) {
    wrong += 1
    console.error(`${description}: is held`)
  }
}
if (wrong > 0) {
  console.error(`${wrong} differences`)
  process.exit(1)
}
console.log(`${document.batches.length} batches and ${document.refused.length} refusals are right`)
