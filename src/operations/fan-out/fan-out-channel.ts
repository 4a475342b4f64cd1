import { FAN_OUT_CHANNEL, type FanOutAnnouncement } from "../../core/fan-out-announcement.ts";

const channel = process.getBuiltinModule("node:diagnostics_channel").channel(FAN_OUT_CHANNEL);

export function publishFanOut(announcement: FanOutAnnouncement): void {
  if (channel.hasSubscribers) channel.publish(announcement);
}
