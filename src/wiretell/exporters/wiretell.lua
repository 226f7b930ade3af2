-- Fields of the machines that wiretell found, for Wireshark and tshark:
--     tshark -X lua_script:wiretell.lua -r capture.pcap -Y 'wiretell.machine == "203.0.113.7#2"'
-- The judgements are read from wiretell.tsv, which lies beside this file.

local protocol = Proto("wiretell", "Machine (wiretell)")
local machine = ProtoField.string("wiretell.machine", "Machine of the sender")
local peer = ProtoField.string("wiretell.peer_machine", "Machine of the receiver")
local looks = ProtoField.string("wiretell.looks_like", "The sender looks like")
local flow = ProtoField.uint32("wiretell.flow", "Flow")
local confidence = ProtoField.float("wiretell.confidence", "Confidence in the sender's machine")
protocol.fields = { machine, peer, looks, flow, confidence }

local f_proto4, f_proto6 = Field.new("ip.proto"), Field.new("ipv6.nxt")
local here = debug.getinfo(1, "S").source:match("^@(.*)wiretell%.lua$") or ""

-- "proto src sport dst dport" -> list of { first, last, flow, machine, confidence, peer, looks }
local known = {}
local function add(key, row)
  local rows = known[key]
  if rows then rows[#rows + 1] = row else known[key] = { row } end
end

local file = io.open(here .. "wiretell.tsv", "r")
if file then
  for line in file:lines() do
    local cells = {}
    for cell in (line .. "\t"):gmatch("([^\t]*)\t") do cells[#cells + 1] = cell end
    if #cells == 12 then
      local proto, a, ap, b, bp = cells[1], cells[2], cells[3], cells[4], cells[5]
      add(table.concat({ proto, a, ap, b, bp }, " "), {
        first = tonumber(cells[6]), last = tonumber(cells[7]), flow = tonumber(cells[8]),
        machine = cells[9], confidence = tonumber(cells[10]), peer = cells[11], looks = cells[12],
      })
    end
  end
  file:close()
end

local function chosen(rows, time)
  local best, apart = nil, math.huge
  for _, row in ipairs(rows) do
    local away = math.max(row.first - time, time - row.last, 0)
    if away < apart then best, apart = row, away end
  end
  return best
end

function protocol.dissector(buffer, pinfo, tree)
  local proto = f_proto4() or f_proto6()
  if not proto then return end
  local ends = { tostring(proto.value), tostring(pinfo.net_src), tostring(pinfo.src_port),
                 tostring(pinfo.net_dst), tostring(pinfo.dst_port) }
  local rows = known[table.concat(ends, " ")]
  if not rows then return end
  local row = chosen(rows, pinfo.abs_ts)
  if not row then return end
  local part = tree:add(protocol, buffer())
  part:add(flow, row.flow)
  if row.machine ~= "" then
    part:add(machine, row.machine)
    part:add(looks, row.looks)
  end
  if row.confidence then part:add(confidence, row.confidence) end
  if row.peer ~= "" then part:add(peer, row.peer) end
end

register_postdissector(protocol)
