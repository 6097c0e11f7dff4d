import {
  type Judged,
  agreeing,
  fields,
  judge,
  least,
  readAtlas,
  readLookAlikes,
  rewritten,
  ruleUse
} from "./Agreement.ts"

// How well the classifiers agree with the labels of the failure atlas: npm run atlas

const seed = 20_260_301
const onceMax = 0.25
const rows = readAtlas()
const lookAlikes = readLookAlikes()
const problems: Array<string> = []

const percent = (part: number, whole: number): string =>
  `${whole === 0 ? "-" : ((100 * part) / whole).toFixed(1)} %`.padStart(7)

const line = (name: string, all: ReadonlyArray<Judged>): string => {
  const shares = fields.map((field) => {
    const good = agreeing(all, field)
    return `${percent(good, all.length)} ${`(${good})`.padEnd(6)}`
  })
  return `  ${name.padEnd(11)} ${String(all.length).padStart(4)}  ${shares.join("  ")}`
}

const miss = ({ row, said, wrong }: Judged): string => {
  const words = wrong.map((field) => `${field} ${said[field]}, not ${row[field]}`)
  return `  ${row.id}: ${words.join("; ")} (${said.tag} by ${said.rule ?? "no rule"})`
}

const list = (title: string, all: ReadonlyArray<Judged>): void => {
  console.log(`${title}: ${all.length}`)
  for (const one of all) console.log(miss(one))
}

const show = (title: string, all: ReadonlyArray<Judged>): void => {
  console.log(`\n=== ${title}`)
  console.log(`  ${"system".padEnd(11)} rows  ${fields.map((field) => field.padEnd(14)).join("  ")}`)
  for (const system of new Set(all.map(({ row }) => row.system))) {
    console.log(
      line(
        system,
        all.filter(({ row }) => row.system === system)
      )
    )
  }
  console.log(line("all", all))
  for (const field of fields) {
    const share = agreeing(all, field) / all.length
    if (!(share >= least[field])) {
      problems.push(
        `${title}: ${field} agrees in ${percent(share, 1).trim()}, at least ${100 * least[field]} % are wanted`
      )
    }
  }
  const alike = all.filter(({ row }) => lookAlikes.includes(row.id))
  const mistaken = alike.filter(({ wrong }) => wrong.length > 0)
  if (alike.length < lookAlikes.length) problems.push(`${title}: a look-alike is not in the atlas`)
  for (const { row } of mistaken)
    problems.push(`${title}: the look-alike ${row.id} is taken for something else`)
  console.log(`look-alikes understood: ${alike.length - mistaken.length} of ${lookAlikes.length}`)
  list(
    "misses",
    all.filter(({ wrong }) => wrong.length > 0)
  )
  list(
    "dangerous mistakes",
    all.filter(({ dangerous }) => dangerous)
  )
}

const judged = rows.map((row) => judge(row))
show("the atlas as it is", judged)

const { rules, once } = ruleUse(judged)
console.log(
  `\nrules: ${rules.length}, on exactly one row: ${once.length} (${percent(once.length, rules.length).trim()})`
)
if (once.length >= onceMax * rules.length) {
  problems.push(`${once.length} of ${rules.length} rules fire on exactly one row: ${once.join(", ")}`)
}

const others = rows.map((row, index) => rewritten(row.input, seed + index))
const differ = rows.filter((row, index) => JSON.stringify(row.input) !== JSON.stringify(others[index])).length
show(
  `names, commit ids, addresses, numbers and surrounding lines replaced in ${differ} rows (seed ${seed})`,
  rows.map((row, index) => judge(row, others[index]))
)

console.log("")
for (const problem of problems) console.log(`FAIL ${problem}`)
console.log(problems.length === 0 ? "The classifiers agree with the atlas." : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
