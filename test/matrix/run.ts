import { cases } from "./Case.ts"
import * as Orders from "./Orders.ts"
const only = process.argv[2] ?? ""
for (const it of cases) {
  if (!it.driver.startsWith("order") || !it.name.includes(only)) continue
  const t = Date.now()
  const o = Orders.drive(it, undefined)
  console.log(`${it.name} | ${o.columns.join(" | ")}   [${Date.now() - t} ms]`)
  for (const b of o.broken) console.log("      BROKEN " + it.name + ": " + b)
}
