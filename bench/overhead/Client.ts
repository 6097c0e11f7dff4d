import { request } from "node:http"
import { Schema } from "effect"
import { Asked, Made, type Pair } from "./Messages.ts"

/*
 * What asks a model, in a process of its own, as an editor is: each request goes through the gateway and then, the same,
 * to the provider itself. What it does to send a request and to read an answer is no part of what the gateway adds.
 */

const [provider, key, model] = process.argv.slice(2)
const read = Schema.decodeUnknownSync(Asked)
const write = Schema.encodeSync(Made)

/** How long one call took beside what the provider was at it, in milliseconds. */
const call = (url: string, token: string, content: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const from = performance.now()
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
    const asked = request(`${url}/chat/completions`, { method: "POST", headers })
    asked.once("error", reject)
    asked.once("response", (response) => {
      response.once("error", reject).resume()
      response.once("end", () => {
        const ms = performance.now() - from - Number(response.headers["x-request-id"])
        if (response.statusCode === 200) resolve(ms)
        else reject(new Error(`the call ended with ${response.statusCode}`))
      })
    })
    asked.end(JSON.stringify({ model, messages: [{ role: "user", content }] }))
  })

/** How long work of a fixed size takes, in milliseconds: what else this machine does makes it longer. */
const work = (): number => {
  const from = performance.now()
  let sum = 0
  for (let index = 0; index < 2_000_000; index++) sum += Math.sqrt(index)
  return sum > 0 ? performance.now() - from : 0
}

process.on("message", async (raw) => {
  const { baseUrl, token, from, calls } = read(raw)
  const pairs: Array<Pair> = []
  for (let index = from; index < from + calls; index++) {
    const content = `${index}: ${"Please change this line. ".repeat(400)}`
    const through = await call(baseUrl, token, content)
    const direct = await call(`${provider}/v1`, key ?? "", content)
    pairs.push({ through, direct, work: work() })
  }
  process.send?.(write({ _tag: "Made", pairs }))
})
// Until the bench is over, or gone.
process.once("disconnect", () => process.exit())
