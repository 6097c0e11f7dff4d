import type { Seen } from "../command/Ended.ts"

/**
 * Moose runs git in English, but logs of other people's runs come in other languages. What git says of its
 * commonest failures in German, Spanish, French and Chinese is read as if it had been said in English; the
 * rest of a translation is left to structure, or not recognised, which only makes the answer more cautious.
 */
const catalogue = String.raw`
not a git repository :: Kein Git-Repository|no es un repositorio git|n'est un dépôt git|不是 [Gg]it 仓库|не найден git репозиторий|è un repository Git|é repositório git nenhum
already exists :: existiert bereits|ya existe|existe déjà|已经存在|已存在|уже существует|esiste già|já existe
not an empty directory :: kein leeres Verzeichnis|no es un directorio vacío|n'est pas un répertoire vide|不是一个空目录
lock 'x.lock': File exists :: \.lock.*Datei existiert bereits|\.lock.*(?:fichero|archivo) ya existe|\.lock.*fichier existe|\.lock.*文件已存在|\.lock.*Файл существует|\.lock.*file esiste|\.lock.*[Ff]icheiro existe
unable to write: Permission denied :: Keine Berechtigung|Permiso denegado(?! \()|Permission non accordée|权限不够|Отказано в доступе
No space left on device :: kein Speicherplatz|No queda espacio|Aucun espace disponible|没有空间|Не осталось свободного места
Authentication failed for :: Authentifizierung fehlgeschlagen|Autenticación falló|Échec d'authentification|鉴权失败
could not read Username for :: Konnte Username .* nicht lesen|no se pudo leer Username|impossible de lire Username|无法读取 Username
couldn't find remote ref :: Konnte Remote-Referenz|encontrar ref remota|trouver la référence distante|无法找到远程引用
src refspec x does not match any :: entspricht keiner Referenz|no concuerda con ninguno|ne correspond à aucune référence|源引用规格 .* 没有匹配
already used by worktree at :: ist bereits in '.*' ausgecheckt|von Arbeitsverzeichnis in '.*' verwendet|ya ha sido marcado en|est déjà (?:extrait dans|utilisé par l'arbre)|已经检出到|已经被工作区
contains modified or untracked files :: enthält geänderte oder nicht versionierte|contiene archivos modificados|contient des fichiers modifiés|包含修改或未跟踪
locked working tree :: gesperrtes Arbeitsverzeichnis|árbol de trabajo bloqueado|arbre de travail verrouillé|锁定的工作区
is not fully merged :: nicht vollständig zusammengeführt|no (?:ha sido|está) (?:completamente|totalmente) fusionada|n'est pas (?:complètement|totalement) fusionnée|没有完全合并
refusing to fetch into branch :: Anfordern (?:in|des aktuellen) Branch|rehusando hacer fetch|refus de récupérer dans|拒绝获取
fatal: repository 'there' does not exist :: Repository '(?!\w+://).*' existiert nicht|repositorio '(?!\w+://).*' no existe|dépôt '(?!\w+://).*' n'existe pas|仓库 '(?!\w+://).*' 不存在
Repository not found :: Repository '.*' nicht gefunden|repositorio '.*' no encontrado|dépôt '.*' non trouvé|仓库 '.*' 未找到
patch does not apply :: Patch konnte nicht angewendet|el parche no aplica|(?:rustine|patch) ne s'applique pas|补丁未应用
corrupt patch :: fehlerhafter Patch|parche corrupto|patch corrompu|补丁在第 \d+ 行损坏
No valid patches :: Keine gültigen Patches|No hay parches válidos|Pas de rustine valide|没有合法(?:的)?补丁
bad config line :: Ungültige Konfigurationszeile|mala línea de config|de config incorrecte|错误的配置行
index file smaller than expected :: Index-Datei ist kleiner|archivo index más pequeño|fichier d'index plus petit|索引文件比预期的小
index file corrupt :: Index-Datei (?:in .* )?beschädigt|archivo índice corrompido|fichier d'index corrompu|索引文件损坏
loose object is corrupt :: Loses Objekt .* beschädigt|objeto suelto .* corrompido|objet libre .* corrompu|松散对象.*已损坏
Needed a single revision :: Benötigte einen einzelnen|Se necesitó una revisión|Une seule révision attendue|需要一个单独的版本
unknown revision :: unbekannter Commit oder Pfad|revisión desconocida o ruta|révision inconnue ou chemin|未知的版本或路径
invalid reference :: Ungültige Referenz|referencia inválida|référence invalide|无效引用
not a valid object name :: gültiger Objektname|nombre de objeto no válido|nom d'objet invalide|有效的对象名|无效的对象名
pathspec 'x' did not match :: Pfadspezifikation '.*' stimmt mit keinen|ruta especificada '.*' no concordó|spécificateur de chemin '.*' ne correspond|路径规格 '.*' 未匹配
You have unstaged changes :: Änderungen, die nicht zum Commit|Tienes cambios (?:sin marcar|fuera)|vous avez des modifications non indexées|未暂存的变更
would be overwritten by :: würden durch .*überschrieben|überschrieben werden|ser[áí]an? sobre?e?scritos|seraient écrasé|将被.*覆盖
error: failed to push some refs to :: Fehler beim Versenden einiger Referenzen|falló el empuje de algunas|impossible de pousser des références|无法推送一些引用
hung up unexpectedly :: Gegenseite hat unerwartet abgebrochen|se colgó de manera inesperada|fermé la connexion de manière inattendue|远端意外挂断
unable to access 'https: :: konnte nicht auf 'https?:.* zugreifen|posible acceder a? ?'https?:|impossible d'accéder à 'https?:|(?:无法|不能)访问 'https?:
refusing to merge unrelated histories :: nicht zusammenhängenden Historien|historias no relacionadas|historiques sans relation|拒绝合并无关的历史
You have not concluded your merge :: Sie haben Ihren Merge nicht abgeschlossen|No has concluido|Vous n'avez pas terminé votre fusion|您尚未结束您的合并
dubious ownership :: dubiose Besitzverhältnisse|posesión dudosa|propriétaire douteux|可疑的仓库所有权
Not possible to fast-forward :: Vorspulen nicht möglich|posible hacer fast-forward|possible d'avancer rapidement|无法快进
nothing to commit :: nichts zu committen|nichts zum Commit vorgemerkt|keine Änderungen zum Commit|nada para hacer commit|nada para confirmar|nada agregado|rien à valider|aucune modification .*ajoutée à la validation|无文件要提交|提交为空|修改尚未加入提交|нечего коммитить|nulla di cui eseguire il commit|nada a memorizar
CONFLICT (x) :: ^KONFLIKT \(|^CONFLICTO \(|^CONFLIT \(|^冲突（|^КОНФЛИКТ \(|^CONFLITTO \(|^CONFLITO \(
failed to sign the data :: (?:nicht signieren|Signieren der Daten fehlgeschlagen)|falló al firmar|n'a pas pu signer|无法为数据签名
has no upstream branch :: hat keinen Upstream-Branch|no tiene una rama upstream|n'a pas de branche amont|没有对应的上游分支
You are not currently on a branch :: Im Moment auf keinem Branch|im Moment auf keinem Branch|No te encuentras actualmente en una rama|Actualmente no estás en una rama|Vous n'êtes actuellement sur aucune branche|您当前不在一个分支上
you have unmerged files :: nicht zusammengeführte Dateien haben|tienes archivos sin fusionar|vous avez des fichiers non fusionnés|因为您有未合并的文件
Author identity unknown :: Identität des (?:Autors|Commit-Erstellers) unbekannt|Identidad del (?:autor|committer) desconocid|Identité (?:d'auteur|de validateur) inconnue|(?:作者|提交者)身份未知
not something we can merge :: was wir zusammenführen können|que (?:se pueda|podamos) fusionar|possible de fusionner ceci|不是可以合并的东西|无法被合并
`

/** Each line: what is then read, and the expressions that stand for it. */
const dictionary = catalogue
  .trim()
  .split("\n")
  .map((line) => {
    const [english = "", said = ""] = line.split(" :: ")
    return { english, said: new RegExp(said, "m") }
  })

const translated = (text: string): string =>
  [text, ...dictionary.filter(({ said }) => said.test(text)).map(({ english }) => english)].join("\n")

const cached = (textOf: (seen: Seen) => string): ((seen: Seen) => string) => {
  const read = new WeakMap<Seen, string>()
  return (seen) => {
    const before = read.get(seen)
    if (before !== undefined) return before
    const now = translated(textOf(seen))
    read.set(seen, now)
    return now
  }
}

/** All that was said, and after it, for what was said in another language, the English of it. */
export const inEnglish = cached((seen) => seen.text)
/** The same, of what git itself said: what a remote's hook says of its repository is not about ours. */
export const ownInEnglish = cached((seen) => seen.own)

export const noSpace = "No space left on device|Disk quota exceeded|There is not enough space on the disk"

export const permissionDenied =
  "Permission denied(?! \\()|Read-only file system|Operation not permitted|Access is denied"
