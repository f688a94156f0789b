/** What is to happen, by time, and at the same time in the order in which it was scheduled. Time is simulated, in microseconds. */
export class Scheduler {
  nowUs = 0;
  /** A binary heap in three columns. */
  private readonly times: number[] = [];
  private readonly orders: number[] = [];
  private readonly actions: (() => void)[] = [];
  private order = 0;

  after(delayUs: number, action: () => void): void {
    this.at(this.nowUs + delayUs, action);
  }

  at(timeUs: number, action: () => void): void {
    const { times, orders, actions } = this;
    const order = this.order++;
    let at = times.length;
    times.push(timeUs);
    orders.push(order);
    actions.push(action);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const time = times[parent] as number;
      if (time <= timeUs) break;
      times[at] = time;
      orders[at] = orders[parent] as number;
      actions[at] = actions[parent] as () => void;
      at = parent;
    }
    times[at] = timeUs;
    orders[at] = order;
    actions[at] = action;
  }

  /** Lets the next thing happen. @returns false where nothing is left */
  runNext(): boolean {
    const { times, orders, actions } = this;
    const action = actions[0];
    if (action === undefined) return false;
    this.nowUs = times[0] as number;
    const time = times.pop() as number;
    const order = orders.pop() as number;
    const last = actions.pop() as () => void;
    if (times.length > 0) this.sink(time, order, last);
    action();
    return true;
  }

  private sink(time: number, order: number, action: () => void): void {
    const { times, orders, actions } = this;
    const length = times.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      const right = child + 1;
      if (right < length && before(times[right], orders[right], times[child], orders[child])) child = right;
      if (before(time, order, times[child], orders[child])) break;
      times[at] = times[child] as number;
      orders[at] = orders[child] as number;
      actions[at] = actions[child] as () => void;
      at = child;
    }
    times[at] = time;
    orders[at] = order;
    actions[at] = action;
  }
}

function before(timeA: number | undefined, orderA: number | undefined, timeB: number | undefined, orderB: number | undefined): boolean {
  return timeA === timeB ? (orderA as number) < (orderB as number) : (timeA as number) < (timeB as number);
}
