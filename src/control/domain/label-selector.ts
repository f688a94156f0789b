/**
 * Which labels something must have: `env=prod,tier!=db,owner,!retired`, all of them at once, as Kubernetes writes it.
 *
 * `key!=value` holds also where the key is missing.
 */
export type LabelRequirement =
  | { readonly kind: "equals" | "differs"; readonly key: string; readonly value: string }
  | { readonly kind: "exists" | "lacks"; readonly key: string };

const KEY = "[A-Za-z0-9][A-Za-z0-9._/-]{0,62}";
const COMPARISON = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([^,=!]{0,63})$`);
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/** @returns null for what is no selector */
export function parseLabelSelector(text: string): readonly LabelRequirement[] | null {
  const requirements: LabelRequirement[] = [];
  for (const part of text.split(",").map((each) => each.trim())) {
    const [, key, operator, value] = COMPARISON.exec(part) ?? [];
    if (key !== undefined && value !== undefined) {
      requirements.push({ kind: operator === "!=" ? "differs" : "equals", key, value: value.trim() });
      continue;
    }
    const [, absent, name] = PRESENCE.exec(part) ?? [];
    if (name === undefined) return null;
    requirements.push({ kind: absent === "!" ? "lacks" : "exists", key: name });
  }
  return requirements;
}

export function meets(labels: Readonly<Record<string, string>>, { key, ...requirement }: LabelRequirement): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (requirement.kind) {
    case "equals":
      return value === requirement.value;
    case "differs":
      return value !== requirement.value;
    case "exists":
      return value !== undefined;
    case "lacks":
      return value === undefined;
  }
}
