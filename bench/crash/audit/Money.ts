import type { Call } from "../Model.ts"
import type { Cost, Journaled } from "./Rows.ts"

/** Money: the ledger beside the provider's books. */
export const money = (
  costs: ReadonlyArray<Cost>,
  calls: ReadonlyArray<Call>,
  journal: ReadonlyArray<Journaled>
): ReadonlyArray<string> => {
  const byTokens = new Map(calls.map((call) => [call.inputTokens, call]))
  const wrong = costs.flatMap(({ call, settled, state, tokens }) => {
    if (state !== "settled") return []
    const billed = byTokens.get(tokens ?? 0)?.micros
    return billed === settled
      ? []
      : [`${call} is settled at ${settled}, and was billed ${billed ?? "nothing"}`]
  })
  const twice = costs
    .filter(({ state }) => state === "settled")
    .filter(({ tokens }, index, all) => all.findIndex((it) => it.tokens === tokens) !== index)
    .map(({ call }) => `${call} is settled with the bill of another call`)
  const counted = costs.reduce(
    (sum, { reserved, settled, state }) => sum + (state === "cancelled" ? 0 : (settled ?? reserved)),
    0
  )
  const billed = calls.reduce((sum, { micros }) => sum + micros, 0)
  const again = journal.flatMap(({ at, name, tokens }) => {
    const bought = byTokens.get(tokens ?? 0)
    if (bought === undefined) return []
    return calls
      .filter((call) => call.number > bought.number && call.question === bought.question && call.at > at)
      .map(({ number }) => `call ${number} bought what was journaled as ${name}`)
  })
  return [
    ...wrong,
    ...twice,
    ...again,
    ...(counted >= billed ? [] : [`${counted} micro-dollars are counted, and ${billed} were billed`]),
    ...costs.flatMap(({ call, state }) => (state === "reserved" ? [`${call} is still reserved`] : []))
  ]
}
