// Verifies tokens as any user of the package jose would; see verify_tokens.py.

import { readFileSync } from 'node:fs'
import { createLocalJWKSet, jwtVerify } from 'jose'

const question = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const keys = createLocalJWKSet(question.jwks)
const claims = []
for (const { token, typ, alg, iss, aud } of question.tokens) {
  const requiredClaims = ['exp', 'iat', 'iss', 'aud', 'sub', 'jti']
  const options = { algorithms: [alg], issuer: iss, audience: aud, typ, requiredClaims }
  claims.push((await jwtVerify(token, keys, options)).payload)
}
console.log(JSON.stringify(claims))
