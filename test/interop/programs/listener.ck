// Prints a line for each message that it hears: the address, the type tags, the values that ChucK has a type for.
OscIn in;
OscMsg msg;
Std.atoi(me.arg(0)) => in.port;
in.listenAll();
while (true) {
  in => now;
  while (in.recv(msg)) {
    msg.address + " ," + msg.typetag => string line;
    for (0 => int i; i < msg.numArgs(); i++) {
      msg.typetag.substring(i, 1) => string type;
      if (type == "i") line + " " + msg.getInt(i) => line;
      else if (type == "f") line + " " + Std.ftoa(msg.getFloat(i), 9) => line;
      else if (type == "s") line + " \"" + msg.getString(i) + "\"" => line;
    }
    chout <= line <= IO.newline();
    chout.flush();
  }
}
