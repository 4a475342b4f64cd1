/** Follows the branches of one fan-out in one invocation: how many are open, and in how many code is at work. */
export class Branches {
  open = 0;
  atWork = 0;
  readonly site: string;
  readonly #parent: Branch | undefined;
  readonly #limits: { readonly open: number; readonly atWork: number };
  readonly #members = new Set<Branch>();

  constructor(site: string, parent: Branch | undefined, limits: { readonly open: number; readonly atWork: number }) {
    this.site = site;
    this.#parent = parent;
    this.#limits = limits;
  }

  get isOverOpen(): boolean {
    return this.open > this.#limits.open;
  }

  get isOverAtWork(): boolean {
    return this.atWork > this.#limits.atWork;
  }

  begin(): Branch {
    const branch = new Branch(this, this.#parent);
    this.#members.add(branch);
    this.open++;
    return branch;
  }

  end(branch: Branch): void {
    this.#members.delete(branch);
    this.open--;
    branch.leave();
  }

  /** The fan-out has ended: what goes on in its branches counts no more. */
  close(): void {
    for (const branch of this.#members) branch.leave();
  }
}

export class Branch {
  readonly fan: Branches;
  readonly #parent: Branch | undefined;
  #depth = 0;
  #left = false;

  constructor(fan: Branches, parent: Branch | undefined) {
    this.fan = fan;
    this.#parent = parent;
  }

  /** Code in it, or further inside, begins (1) or ends (-1) to work. */
  count(change: number): void {
    if (this.#left || change === 0) return;
    const before = this.#depth;
    this.#depth += change;
    if (before === 0) this.fan.atWork++;
    else if (this.#depth === 0) this.fan.atWork--;
    this.#parent?.count(change);
  }

  /** The nearest fan-out around in which more branches are at work than may be. */
  get overfull(): Branches | undefined {
    return this.fan.isOverAtWork ? this.fan : this.#parent?.overfull;
  }

  leave(): void {
    this.count(-this.#depth);
    this.#left = true;
  }
}
