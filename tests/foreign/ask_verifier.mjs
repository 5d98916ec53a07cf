// Asks examples/verify_receipt.mjs about many receipts at once; see ask_verifier.py.

import { readFileSync } from 'node:fs'

const question = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { verify } = await import(question.verifier)
const answers = []
for (const { receipt, expected } of question.cases) {
  try {
    await verify(receipt, question.jwks, expected)
    answers.push(null)
  } catch (refusal) {
    answers.push(`${refusal.name}: ${refusal.message}`)
  }
}
console.log(JSON.stringify(answers))
