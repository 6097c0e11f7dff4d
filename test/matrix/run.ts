import { cases } from "./Case.ts"
import { drive } from "./Drive.ts"
const only = process.argv[2] ?? ""
for (const it of cases) {
  if (!it.name.includes(only)) continue
  const t = Date.now()
  const o = drive(it)
  console.log(`${it.name} | ${o.columns.join(" | ")}   [${Date.now() - t} ms]`)
  for (const b of o.broken) console.log("      BROKEN " + it.name + ": " + b)
}
