// Stands in for the package of this name, which is not published any more: the least that the client calls.
"use strict";

class Counter {
    constructor() { this.count = 0; this.type = "counter"; }
    inc(by) { this.count += by === undefined ? 1 : by; }
    dec(by) { this.count -= by === undefined ? 1 : by; }
    clear() { this.count = 0; }
    printObj() { return { type: "counter", count: this.count }; }
}

class Timer {
    constructor() { this.type = "timer"; this.values = []; }
    update(duration) { this.values.push(duration); if (this.values.length > 100) { this.values.shift(); } }
    count() { return this.values.length; }
    printObj() { return { type: "timer", count: this.values.length }; }
}

class Report {
    constructor() { this.trackedMetrics = {}; }
    addMetric(name, metric) { this.trackedMetrics[name] = metric; }
    getMetric(name) { return this.trackedMetrics[name]; }
    summary() { return {}; }
}

module.exports = { Counter, Timer, Report, Meter: Counter, Histogram: Timer };
